/** The routes of classes and pictures. Every change is told to all open pages. */
import { Hono } from "hono";
import { usageError } from "../../base/errors.ts";
import type { Imported, PictureList, ProjectInfo, Received } from "../api.ts";
import { limits } from "../project/archive.ts";
import type { Project } from "../project/project.ts";
import { MAX_PICTURE_BYTES } from "../project/receive.ts";
import { bodyOf, type Env, jsonOf, textOf, textsOf } from "./body.ts";
import type { Events } from "./events.ts";

export function projectRoutes(project: Project, events: Events): Hono<Env> {
  const changed = (): void => events.tell({ kind: "project" });
  const done = { done: true } as const;
  return (
    new Hono<Env>()
      .get("/project", async (c) => c.json((await project.info()) satisfies ProjectInfo))
      .post("/classes", async (c) => {
        await project.createClass(textOf(await jsonOf(c), "name"));
        changed();
        return c.json(done, 201);
      })
      .patch("/classes/:name", async (c) => {
        await project.renameClass(c.req.param("name"), textOf(await jsonOf(c), "name"));
        changed();
        return c.json(done);
      })
      .delete("/classes/:name", async (c) => {
        await project.removeClass(c.req.param("name"));
        changed();
        return c.json(done);
      })
      .get("/classes/:name/pictures", async (c) =>
        c.json((await project.pictures(c.req.param("name"))) satisfies PictureList),
      )
      // Not told of one by one: the page says so itself when it is through.
      .post("/classes/:name/pictures", async (c) => {
        const name = c.req.query("name") ?? "picture";
        const received = await project.add(bodyOf(c, MAX_PICTURE_BYTES), c.req.param("name"), name);
        return c.json(received satisfies Received, received.kind === "added" ? 201 : 200);
      })
      .post("/archives", async (c) => {
        const source = bodyOf(c, limits.archiveBytes);
        const imported = await project.addArchive(source, c.req.query("class") || undefined, (progress) =>
          events.tell({ kind: "import", progress }),
        );
        changed();
        return c.json(imported satisfies Imported);
      })
      .post("/added", async (c) => {
        await project.noteAdded(textsOf(await jsonOf(c), "ids"));
        changed();
        return c.json(done);
      })
      .post("/pictures/relabel", async (c) => {
        const body = await jsonOf(c);
        await project.relabel(textsOf(body, "ids"), textOf(body, "to"));
        changed();
        return c.json(done);
      })
      .post("/pictures/remove", async (c) => {
        await project.remove(textsOf(await jsonOf(c), "ids"));
        changed();
        return c.json(done);
      })
      .post("/undo", async (c) => {
        const undone = await project.undo();
        changed();
        return c.json({ undone: undone ?? null });
      })
      .get("/thumbnails/:size/:id{.+}", async (c) => {
        const size = c.req.param("size");
        if (size !== "tile" && size !== "large") throw usageError("Thumbnails come as tile or large.");
        const path = await project.fileOf(c.req.param("id"));
        const headers = { "Cache-Control": "private, max-age=60" };
        const known = `"${await project.thumbnails.tag(path, size)}"`;
        if (c.req.header("If-None-Match") === known) return c.body(null, 304, { ...headers, ETag: known });
        const { bytes, tag } = await project.thumbnails.get(path, size, c.req.raw.signal);
        return c.body(new Uint8Array(bytes), 200, { ...headers, ETag: `"${tag}"`, "Content-Type": "image/webp" });
      })
  );
}
