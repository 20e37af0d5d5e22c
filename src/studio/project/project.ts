/**
 * A project: a folder of class folders that the studio changes and `graft train` reads. Everything that changes it passes
 * through here, one change at a time; how pictures come in is in receive.ts and archive.ts.
 */
import { randomBytes } from "node:crypto";
import { mkdir, rm, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { usageError } from "../../base/errors.ts";
import { makeFolder, writeFailure } from "../../base/files.ts";
import type { OnProgress } from "../../base/progress.ts";
import { plural } from "../../report/format.ts";
import type { Imported, PictureList, ProjectInfo, Received } from "../api.ts";
import { limits, unpack } from "./archive.ts";
import { type Change, exists, type Move, openJournal } from "./journal.ts";
import { type ClassListing, listProject, OWN, type Paths, pathsOf, shelvesOf } from "./layout.ts";
import { className, freeName, idParts } from "./names.ts";
import { receive, spool } from "./receive.ts";
import { createThumbnails, type Thumbnails } from "./thumbnails.ts";

export interface Project {
  readonly paths: Paths;
  readonly thumbnails: Thumbnails;
  info(): Promise<ProjectInfo>;
  pictures(name: string): Promise<PictureList>;
  /** The file of a picture; throws a usage error where the id is not one of a file here. */
  fileOf(id: string): Promise<string>;
  createClass(name: string): Promise<void>;
  renameClass(name: string, to: string): Promise<void>;
  removeClass(name: string): Promise<void>;
  /** Gives pictures another class. */
  relabel(ids: readonly string[], to: string): Promise<void>;
  remove(ids: readonly string[]): Promise<void>;
  /** Takes a picture in; see receive.ts. */
  add(source: AsyncIterable<Uint8Array>, name: string, file: string): Promise<Received>;
  /** Takes an archive in; see archive.ts. */
  addArchive(source: AsyncIterable<Uint8Array>, name: string | undefined, onProgress?: OnProgress): Promise<Imported>;
  /** Notes pictures that were added together, so that undo removes them together. */
  noteAdded(ids: readonly string[]): Promise<void>;
  /** Takes the last change back; yields its words. */
  undo(): Promise<string | undefined>;
}

/** Pictures on a class's card. */
const COVERS = 4;

/** Opens the project in `folder`, which is made where it is missing. */
export async function openProject(folder: string): Promise<Project> {
  const root = resolve(folder);
  await makeFolder(root);
  if (!(await stat(root)).isDirectory()) throw usageError(`${folder} is not a folder: the studio needs one.`);
  const paths = pathsOf(root);
  await rm(paths.incoming, { recursive: true, force: true });
  const journal = await openJournal(root, paths.journal);
  const thumbnails = createThumbnails(paths.thumbnails);

  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work, work);
    turn = mine.catch(() => {});
    return mine;
  };
  const change = (words: string, moves: readonly Move[], id = changeId()): Promise<void> =>
    moves.length === 0 ? Promise.resolve() : journal.make({ id, words, moves });

  /** The folders of a class, relative to the root. */
  const foldersOf = async (name: string): Promise<string[]> => {
    const { folders } = await existing(name);
    return folders;
  };
  const existing = async (name: string): Promise<{ folders: string[]; home: string }> => {
    const shelves = await shelvesOf(root);
    const all = shelves.map(({ folder }) => joined(folder, className(name)));
    const folders: string[] = [];
    for (const at of all) if (await exists(join(root, at))) folders.push(at);
    return { folders, home: all[0]! };
  };
  const known = async (name: string): Promise<string[]> => {
    const folders = await foldersOf(name);
    if (folders.length === 0) throw usageError(`There is no class "${name}": reload the page to see which there are.`);
    return folders;
  };

  const project: Project = {
    paths,
    thumbnails,
    async info() {
      const { classes, ignored } = await listProject(root);
      return {
        name: basename(root),
        path: root,
        classes: classes.map(({ name, pictures, apart }) => ({
          name,
          pictures: pictures.length + apart.length,
          apart: apart.length,
          covers: pictures.slice(0, COVERS),
        })),
        undo: journal.last()?.words ?? null,
        ignored: ignored.filter(({ reason }) => reason !== "a class folder without pictures"),
        obstacle: obstacleOf(classes),
      };
    },
    async pictures(name) {
      const listing = (await listProject(root, className(name))).classes[0];
      if (!listing) throw usageError(`There is no class "${name}": reload the page to see which there are.`);
      return { pictures: [...listing.pictures, ...listing.apart] };
    },
    async fileOf(id) {
      const path = join(root, ...idParts(id));
      const found = await stat(path).catch(() => undefined);
      if (!found?.isFile()) throw usageError(`There is no picture "${id}" any more: it was moved or removed.`);
      return path;
    },
    createClass: (name) =>
      inTurn(async () => {
        const { folders, home } = await existing(name);
        if (folders.length > 0) throw usageError(`There is a class "${className(name)}" already.`);
        await mkdir(join(root, home), { recursive: true }).catch((error: unknown) => {
          throw writeFailure(join(root, home), error);
        });
      }),
    renameClass: (name, to) =>
      inTurn(async () => {
        const folders = await known(name);
        const wanted = className(to);
        if (wanted === className(name)) return;
        if ((await foldersOf(to)).length > 0)
          throw usageError(`There is a class "${wanted}" already: move the pictures there instead.`);
        await change(
          `renaming “${name}” to “${wanted}”`,
          folders.map((folder) => [folder, joined(parentOf(folder), wanted)]),
        );
      }),
    removeClass: (name) =>
      inTurn(async () => {
        const id = changeId();
        const folders = await known(name);
        await change(
          `removing the class “${name}”`,
          folders.map((folder) => [folder, trashed(id, folder)]),
          id,
        );
      }),
    relabel: (ids, to) =>
      inTurn(async () => {
        await known(to);
        const shelves = await shelvesOf(root);
        const taken = new Set<string>();
        const moves: Move[] = [];
        for (const id of ids) {
          const parts = await partsOfFile(id);
          const shelf = shelves.find(({ folder }) => folder !== "" && parts[0] === folder)?.folder ?? "";
          const folder = joined(shelf, className(to));
          if (id.startsWith(`${folder}/`)) continue;
          const name = await freeIn(folder, parts.at(-1)!, taken);
          moves.push([id, `${folder}/${name}`]);
        }
        await change(`moving ${plural(moves.length, "picture")} to “${className(to)}”`, moves);
      }),
    remove: (ids) =>
      inTurn(async () => {
        const id = changeId();
        for (const picture of ids) await partsOfFile(picture);
        await change(
          `removing ${plural(ids.length, "picture")}`,
          [...new Set(ids)].map((picture) => [picture, trashed(id, picture)]),
          id,
        );
      }),
    async add(source, name, file) {
      const { home } = await existing(name);
      return receive(source, { root, incoming: paths.incoming }, { folder: home, name: file });
    },
    async addArchive(source, name, onProgress) {
      const path = await spool(source, paths.incoming, limits.archiveBytes);
      try {
        const { ids, ...imported } = await unpack(path, {
          className: name,
          receive: (stream, file) => project.add(stream, file.className, file.name),
          ...(onProgress ? { onProgress } : {}),
        });
        await project.noteAdded(ids);
        return imported;
      } finally {
        await rm(path, { force: true });
      }
    },
    noteAdded: (ids) =>
      inTurn(async () => {
        const id = changeId();
        for (const picture of ids) idParts(picture);
        // Undoing it is a move into the trash; the list is read backwards then.
        const moves = ids.map((picture): Move => [trashed(id, picture), picture]);
        if (ids.length > 0) await journal.note({ id, words: `adding ${plural(ids.length, "picture")}`, moves });
      }),
    undo: () =>
      inTurn(async () => {
        const undone: Change | undefined = await journal.undo();
        return undone?.words;
      }),
  };
  return project;

  async function partsOfFile(id: string): Promise<string[]> {
    await project.fileOf(id);
    return idParts(id);
  }

  async function freeIn(folder: string, name: string, taken: Set<string>): Promise<string> {
    const refused = new Set<string>();
    for (;;) {
      const free = freeName(name, (candidate) => refused.has(candidate) || taken.has(`${folder}/${candidate}`));
      if (!(await exists(join(root, folder, free)))) {
        taken.add(`${folder}/${free}`);
        return free;
      }
      refused.add(free);
    }
  }
}

const changeId = (): string => `${Date.now().toString(36)}-${randomBytes(4).toString("hex")}`;
const trashed = (change: string, path: string): string => `${OWN}/trash/${change}/${path}`;
const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== "").join("/");
const parentOf = (path: string): string => path.split("/").slice(0, -1).join("/");

/** Why `graft train` would refuse the project, with the remedy that the studio has. */
function obstacleOf(classes: readonly ClassListing[]): string | null {
  const filled = classes.filter(({ pictures }) => pictures.length > 0);
  if (filled.length < 2) {
    const has = filled.length === 0 ? "no class has pictures yet" : `only “${filled[0]!.name}” has pictures yet`;
    return `Training takes two classes with pictures, and ${has}.`;
  }
  const poor = filled.find(({ pictures }) => pictures.length < 2);
  return poor ? `“${poor.name}” has only one picture: add at least one more.` : null;
}
