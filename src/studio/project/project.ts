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
import type { Split } from "../../data/dataset/split-names.ts";
import { createSurvey } from "../../data/dataset/survey.ts";
import { baseOf, joined, parentOf, type Tree } from "../../data/dataset/tree.ts";
import { plural } from "../../report/format.ts";
import type { Imported, PictureList, ProjectInfo, Received } from "../api.ts";
import { importArchive, MAX_ARCHIVE_BYTES } from "./archive.ts";
import { type Arranged, arrange } from "./arrange.ts";
import { type Change, exists, type Move, openJournal } from "./journal.ts";
import { type ClassListing, listProject, OWN, type Paths, pathsOf, shelfFor } from "./layout.ts";
import { className, freeName, idParts, newClassName } from "./names.ts";
import { adopt, receive, spool } from "./receive.ts";
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
  /** Finds out where files that are about to be handed in belong; see arrange.ts. */
  arrange(tree: Tree, loose: string | undefined, isClass?: string): Promise<Arranged>;
  /** Takes a picture in, into the class's folder for a part; see receive.ts. */
  add(source: AsyncIterable<Uint8Array>, name: string, file: string, split?: Split): Promise<Received>;
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
    const mine = turn.then(work, work).finally(shelves.drop);
    turn = mine.catch(() => {});
    return mine;
  };
  const change = (words: string, moves: readonly Move[], id = changeId()): Promise<void> =>
    moves.length === 0 ? Promise.resolve() : journal.make({ id, words, moves });

  // Uploads ask once a picture, and the answer takes a walk through the project.
  const shelves = briefly(async () => (await listProject(root)).shelves, SHELVES_MS);
  /** The folders of a class, relative to the root. */
  const foldersOf = async (name: string): Promise<string[]> => {
    const folders: string[] = [];
    for (const { folder } of await shelves.get()) {
      const at = joined(folder, className(name));
      if (await exists(join(root, at))) folders.push(at);
    }
    return folders;
  };
  /** Where new pictures of a class go. */
  const homeOf = async (name: string, split?: Split): Promise<string> => {
    const isKnown = (await foldersOf(name)).length > 0;
    return joined(shelfFor(await shelves.get(), split), isKnown ? className(name) : newClassName(name));
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
      const { classes, ignored, obstacle } = await listProject(root);
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
        ignored: ignored.filter(({ kind }) => kind !== "empty").map(({ path, reason }) => ({ path, reason })),
        obstacle: obstacle ?? obstacleOf(classes),
      };
    },
    async pictures(name) {
      const wanted = className(name);
      const listing = (await listProject(root)).classes.find((one) => one.name === wanted);
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
        if ((await foldersOf(name)).length > 0) throw usageError(`There is a class "${className(name)}" already.`);
        const home = await homeOf(name);
        await mkdir(join(root, home), { recursive: true }).catch((error: unknown) => {
          throw writeFailure(join(root, home), error);
        });
      }),
    renameClass: (name, to) =>
      inTurn(async () => {
        const folders = await known(name);
        const wanted = newClassName(to);
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
        const all = await shelves.get();
        const taken = new Set<string>();
        const moves: Move[] = [];
        for (const id of ids) {
          const parts = await partsOfFile(id);
          // The longest path is the closest: test/ is in the project's own folder too.
          const around = all.filter(({ folder }) => folder === "" || id.startsWith(`${folder}/`));
          const [shelf = all[0]!] = around.sort((a, b) => b.folder.length - a.folder.length);
          const folder = joined(shelf.folder, className(to));
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
    async arrange(tree, loose, isClass) {
      const classes = (await listProject(root)).classes.map(({ name }) => name);
      const survey = createSurvey(tree);
      return arrange(survey, { classes: isClass === undefined ? classes : [...classes, isClass], loose });
    },
    async add(source, name, file, split) {
      return receive(source, { root, incoming: paths.incoming }, { folder: await homeOf(name, split), name: file });
    },
    async addArchive(source, name, onProgress) {
      const path = await spool(source, paths.incoming, MAX_ARCHIVE_BYTES);
      try {
        const { ids, ...imported } = await importArchive(path, {
          classes: (await listProject(root)).classes.map((one) => one.name),
          loose: name,
          adopt: async (file, place) =>
            adopt(file, root, { folder: await homeOf(place.className, place.split), name: baseOf(place.path) }),
          onProgress,
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

/** How long the project's shelves are taken to stay as they are. */
const SHELVES_MS = 1000;

/** Asks again only when the last answer is older than `ms`, or was dropped. */
function briefly<T>(ask: () => Promise<T>, ms: number): { get(): Promise<T>; drop(): void } {
  let last: { readonly at: number; readonly answer: Promise<T> } | undefined;
  return {
    get() {
      if (!last || performance.now() - last.at > ms) last = { at: performance.now(), answer: ask() };
      return last.answer;
    },
    drop() {
      last = undefined;
    },
  };
}

/** Why `graft train` would refuse the project, with the remedy that the studio has. */
function obstacleOf(classes: readonly ClassListing[]): string | null {
  const filled = classes.filter(({ pictures }) => pictures.length > 0);
  if (filled.length < 2) {
    const has = filled.length === 0 ? "no class has pictures yet" : `only “${filled[0]!.name}” has pictures yet`;
    return `Training takes two classes with pictures, and ${has}.`;
  }
  const tested = classes.find(({ pictures, apart }) => pictures.length === 0 && apart.length > 0);
  if (tested) return `“${tested.name}” has pictures to test on, but none to train on: add some, or remove the class.`;
  const poor = filled.find(({ pictures }) => pictures.length < 2);
  return poor ? `“${poor.name}” has only one picture: add at least one more.` : null;
}
