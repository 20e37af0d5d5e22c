/** The routes of classes and images. Every change is sent to all open pages. */
import { type Context, Hono } from "hono";
import * as v from "valibot";
import { memoryTree } from "../../data/dataset/file-tree.ts";
import type {
  Arrangement,
  ArrangementRequest,
  Changed,
  Imported,
  PictureList,
  ProjectInfo,
  Received,
  UndoResult,
} from "../api.ts";
import type { Project } from "../project/project.ts";
import { MAX_ARCHIVE_BYTES, MAX_IMAGE_BYTES } from "../project/receive.ts";
import {
  arrangementSchema,
  bodyAs,
  bodyOf,
  type Env,
  idsSchema,
  nameSchema,
  paramAs,
  partSchema,
  queryAs,
  relabelSchema,
  textSchema,
  undoSchema,
} from "./input.ts";
import type { Events } from "./session.ts";
import { KEY_HEADER } from "./session.ts";

const classOf = (c: Context): string => paramAs(c, "name", textSchema);

/** @param notices problems with the studio's own files */
export function projectRoutes(project: Project, events: Events, notices: () => readonly string[]): Hono<Env> {
  const changed = (): void => events.tell({ kind: "project" });
  const announce = (change: Changed): Changed => {
    changed();
    return change;
  };
  return (
    new Hono<Env>()
      .get("/project", async (c) => c.json({ ...(await project.info()), notices: notices() } satisfies ProjectInfo))
      .post("/classes", async (c) => {
        await project.createClass((await bodyAs(c, nameSchema)).name);
        return c.json(announce({ change: null }), 201);
      })
      .patch("/classes/:name", async (c) => {
        return c.json(announce(await project.renameClass(classOf(c), (await bodyAs(c, nameSchema)).name)));
      })
      .delete("/classes/:name", async (c) => {
        return c.json(announce(await project.removeClass(classOf(c))));
      })
      .get("/classes/:name/pictures", async (c) => c.json((await project.pictures(classOf(c))) satisfies PictureList))
      // Not announced one by one: the page does that itself when all are uploaded.
      .post("/classes/:name/pictures", async (c) => {
        const name = queryAs(c, "name", v.optional(textSchema, "picture"));
        const part = queryAs(c, "part", v.optional(partSchema));
        const received = await project.add(bodyOf(c, MAX_IMAGE_BYTES), classOf(c), name, part);
        return c.json(received satisfies Received, received.kind === "added" ? 201 : 200);
      })
      .post("/arrangement", async (c) =>
        c.json((await arrangementOf(project, await bodyAs(c, arrangementSchema))) satisfies Arrangement),
      )
      .post("/archives", async (c) => {
        const source = bodyOf(c, MAX_ARCHIVE_BYTES);
        const imported = await project.addArchive(
          source,
          queryAs(c, "class", v.optional(textSchema)) || undefined,
          (progress) => events.tell({ kind: "import", progress }),
        );
        changed();
        return c.json(imported satisfies Imported);
      })
      .post("/added", async (c) => {
        return c.json(announce(await project.noteAdded((await bodyAs(c, idsSchema)).ids)));
      })
      .post("/pictures/relabel", async (c) => {
        const { ids, to } = await bodyAs(c, relabelSchema);
        return c.json(announce(await project.relabel(ids, to)));
      })
      .post("/pictures/remove", async (c) => {
        return c.json(announce(await project.remove((await bodyAs(c, idsSchema)).ids)));
      })
      .post("/undo", async (c) => {
        const undone = await project.undo((await bodyAs(c, undoSchema)).change);
        changed();
        const { words = null, restored = 0, missing = 0 } = undone ?? {};
        return c.json({ undone: words, restored, missing } satisfies UndoResult);
      })
      .get("/thumbnails/:size/:id{.+}", async (c) => {
        const size = paramAs(c, "size", v.picklist(["tile", "large"]));
        const path = await project.fileOf(paramAs(c, "id", textSchema));
        const headers = { "Cache-Control": "private, max-age=60", Vary: KEY_HEADER };
        const known = `"${await project.thumbnails.tag(path, size)}"`;
        if (c.req.header("If-None-Match") === known) return c.body(null, 304, { ...headers, ETag: known });
        const { bytes, tag } = await project.thumbnails.get(path, size, c.req.raw.signal);
        return c.body(new Uint8Array(bytes), 200, { ...headers, ETag: `"${tag}"`, "Content-Type": "image/webp" });
      })
  );
}

async function arrangementOf(
  project: Project,
  { paths, lists, loose, folderIs }: ArrangementRequest,
): Promise<Arrangement> {
  const contents = new Map(lists.map(({ path, base64 }) => [path, Buffer.from(base64, "base64")]));
  const [top] = paths.map((path) => path.split("/")[0]!);
  const tree = memoryTree(paths, contents);
  const { places, skipped, notes, wrapper } = await project.arrange(
    tree,
    loose,
    folderIs === "class" ? top : undefined,
  );
  if (wrapper !== undefined && folderIs === undefined) {
    const classes = [...new Set(places.map(({ className }) => className))];
    return { kind: "question", folder: wrapper, classes };
  }
  const byPath = new Map(places.map((place) => [place.path, place]));
  return {
    kind: "places",
    places: paths.map((path) => {
      const place = byPath.get(path);
      return place ? { class: place.className, part: place.split ?? "train" } : null;
    }),
    skipped: skipped.map(({ path, reason }) => ({ path, reason })),
    notes,
  };
}
