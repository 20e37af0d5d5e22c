/**
 * A project: a folder of class folders that the studio changes and `graft train` reads. All changes pass through here, one at a
 * time; receive.ts stores new images, journal.ts makes and undoes changes.
 */
import { randomBytes } from "node:crypto";
import { mkdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf, usageError } from "../../base/errors.ts";
import { makeFolder, writeFailure } from "../../base/files.ts";
import type { OnProgress } from "../../base/progress.ts";
import { named } from "../../base/text.ts";
import type { Split } from "../../data/dataset/dataset-names.ts";
import { baseOf, joined, parentOf, type Tree } from "../../data/dataset/file-tree.ts";
import { createSurvey } from "../../data/dataset/survey.ts";
import { plural } from "../../report/html.ts";
import type { Changed, ChangeInfo, Imported, PictureList, ProjectInfo, Received } from "../api.ts";
import { type Change, type Move, openJournal, type Undone } from "./journal.ts";
import {
  checkOwnFolder,
  foldersIn,
  isTaken,
  listProject,
  OWN,
  obstacleOf,
  type Paths,
  pathsOf,
  placesIn,
  shelfFor,
} from "./layout.ts";
import { className, freeName, idParts, newClassName } from "./names.ts";
import { type Arranged, adopt, arrange, importArchive, MAX_ARCHIVE_BYTES, receive, spool } from "./receive.ts";
import { createThumbnails, type Thumbnails } from "./thumbnails.ts";

export interface Project {
  readonly paths: Paths;
  readonly thumbnails: Thumbnails;
  /** Problems with the studio's own files when the project was opened, a sentence each. */
  readonly notices: readonly string[];
  info(): Promise<Omit<ProjectInfo, "notices">>;
  pictures(name: string): Promise<PictureList>;
  /** The file of an image; throws a usage error if the id is not one of a file here. */
  fileOf(id: string): Promise<string>;
  createClass(name: string): Promise<void>;
  renameClass(name: string, to: string): Promise<Changed>;
  removeClass(name: string): Promise<Changed>;
  /** Moves images to another class. */
  relabel(ids: readonly string[], to: string): Promise<Changed>;
  remove(ids: readonly string[]): Promise<Changed>;
  /** Finds out where files that will be uploaded belong; see receive.ts. */
  arrange(tree: Tree, loose: string | undefined, isClass?: string): Promise<Arranged>;
  /** Stores an image in the class's folder for a part; see receive.ts. */
  add(source: AsyncIterable<Uint8Array>, name: string, file: string, split?: Split): Promise<Received>;
  /** Imports an archive; see receive.ts. */
  addArchive(source: AsyncIterable<Uint8Array>, name: string | undefined, onProgress?: OnProgress): Promise<Imported>;
  /** Records images that were added together, so that undo removes them together. */
  noteAdded(ids: readonly string[]): Promise<Changed>;
  /** Undoes the last change, which must be `change` if that is given; undefined if there is none. */
  undo(change?: string): Promise<Undone | undefined>;
}

/** Images on a class's card. */
const COVERS = 4;

/** Opens the project in `folder`, which is created if it does not exist. */
export async function openProject(folder: string): Promise<Project> {
  const root = resolve(folder);
  await makeFolder(root);
  const paths = pathsOf(root);
  await checkOwnFolder(paths);
  await rm(paths.incoming, { recursive: true, force: true });
  const journal = await openJournal(root, paths.journal);
  const thumbnails = createThumbnails(paths.thumbnails);

  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work, work).finally(() => {
      shelves.drop();
      homes.clear();
    });
    turn = mine.catch(() => {});
    return mine;
  };
  const change = async (words: string, moves: readonly Move[], id = changeId()): Promise<Changed> => {
    if (moves.length === 0) return unchanged;
    await journal.make({ id, words, moves });
    return { change: id };
  };

  // Uploads ask once per image, and the answer requires a walk through the project.
  const shelves = briefly(async () => (await listProject(root)).shelves, SHELVES_MS);
  const homes = new Map<string, ReturnType<typeof briefly<string>>>();
  /** The folders of a class, relative to the root. */
  const foldersOf = async (name: string): Promise<string[]> => {
    const wanted = className(name);
    const folders: string[] = [];
    // The name on the disk may be decomposed.
    for (const { folder } of await shelves.get())
      for (const one of await foldersIn(join(root, folder)))
        if (one.normalize("NFC") === wanted) folders.push(joined(folder, one));
    return folders;
  };
  /** Where new images of a class go; refused if that is not in the project's own folder. */
  const homeOf = (name: string, split?: Split): Promise<string> => {
    const key = JSON.stringify([name, split]);
    const home = homes.get(key) ?? briefly(() => findHome(name, split), SHELVES_MS);
    // Refusals are not cached, and neither are more names than a project has classes.
    if (homes.size < MOST_HOMES) homes.set(key, home);
    return home.get().catch((error: unknown) => {
      homes.delete(key);
      throw error;
    });
  };
  const findHome = async (name: string, split?: Split): Promise<string> => {
    const folders = await foldersOf(name);
    const shelf = shelfFor(await shelves.get(), split);
    const made = joined(shelf, folders.length > 0 ? className(name) : newClassName(name));
    const home = folders.find((one) => parentOf(one) === shelf) ?? made;
    await placesIn(root)(`${home}/picture`);
    return home;
  };
  const known = async (name: string): Promise<string[]> => {
    const folders = await foldersOf(name);
    if (folders.length === 0)
      throw usageError(`There is no class "${named(name)}". Reload the page to see the current classes.`);
    return folders;
  };

  const project: Project = {
    paths,
    thumbnails,
    notices: [...(await withoutOldToken(paths)), ...(journal.damage === undefined ? [] : [journal.damage])],
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
        undo: changeInfoOf(journal.last()),
        ignored: ignored.filter(({ kind }) => kind !== "empty").map(({ path, reason }) => ({ path, reason })),
        obstacle: obstacle ?? obstacleOf(classes),
      };
    },
    async pictures(name) {
      const wanted = className(name);
      const listing = (await listProject(root)).classes.find((one) => one.name === wanted);
      if (!listing) throw usageError(`There is no class "${named(name)}". Reload the page to see the current classes.`);
      return { pictures: [...listing.pictures, ...listing.apart] };
    },
    async fileOf(id) {
      const path = join(root, ...idParts(id));
      const found = await stat(path).catch(() => undefined);
      if (!found?.isFile()) throw usageError(`The image "${named(id)}" no longer exists: it was moved or removed.`);
      return path;
    },
    createClass: (name) =>
      inTurn(async () => {
        const wanted = className(name);
        if ((await foldersOf(name)).length > 0) throw usageError(`The class "${wanted}" already exists.`);
        const place = await placesIn(root)(await homeOf(name));
        await makeFolder(dirname(place));
        await mkdir(place).catch((error: unknown) => {
          // On file systems that ignore case, or if a file has the name.
          if (codeOf(error) === "EEXIST")
            throw usageError(`A file or folder “${wanted}” already exists. Choose another name.`, error);
          throw writeFailure(place, error);
        });
      }),
    renameClass: (name, to) =>
      inTurn(async () => {
        const folders = await known(name);
        const wanted = newClassName(to);
        if (wanted === className(name)) return unchanged;
        if ((await foldersOf(to)).length > 0)
          throw usageError(`The class "${wanted}" already exists. Move the images there instead.`);
        return change(
          `renaming “${className(name)}” to “${wanted}”`,
          folders.map((folder) => [folder, joined(parentOf(folder), wanted)]),
        );
      }),
    removeClass: (name) =>
      inTurn(async () => {
        const id = changeId();
        const folders = await known(name);
        return change(
          `removing the class “${className(name)}”`,
          folders.map((folder) => [folder, trashed(id, folder)]),
          id,
        );
      }),
    relabel: (ids, to) =>
      inTurn(async () => {
        const folders = await known(to);
        const all = await shelves.get();
        const taken = new Set<string>();
        const moves: Move[] = [];
        for (const id of new Set(ids)) {
          const parts = await partsOfFile(id);
          // The longest path is the closest: test/ is in the project's own folder too.
          const around = all.filter(({ folder }) => folder === "" || id.startsWith(`${folder}/`));
          const [shelf = all[0]!] = around.sort((a, b) => b.folder.length - a.folder.length);
          const folder = folders.find((one) => parentOf(one) === shelf.folder) ?? joined(shelf.folder, className(to));
          if (id.startsWith(`${folder}/`)) continue;
          const name = await freeIn(folder, parts.at(-1)!, taken);
          moves.push([id, `${folder}/${name}`]);
        }
        return change(`moving ${plural(moves.length, "image")} to “${className(to)}”`, moves);
      }),
    remove: (ids) =>
      inTurn(async () => {
        const id = changeId();
        const images = [...new Set(ids)];
        for (const image of images) await partsOfFile(image);
        return change(
          `removing ${plural(images.length, "image")}`,
          images.map((image) => [image, trashed(id, image)]),
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
        return { ...imported, ...(await project.noteAdded(ids)) };
      } finally {
        await rm(path, { force: true });
      }
    },
    noteAdded: (ids) =>
      inTurn(async () => {
        const id = changeId();
        const added: string[] = [];
        // An image that was removed by hand since then needs no undo.
        for (const image of new Set(ids)) if (await isTaken(join(root, ...idParts(image)))) added.push(image);
        // Undo moves it into the trash; the list is then read backwards.
        const moves = added.map((image): Move => [trashed(id, image), image]);
        if (moves.length === 0) return unchanged;
        await journal.note({ id, words: `adding ${plural(moves.length, "image")}`, moves });
        return { change: id };
      }),
    undo: (id) => inTurn(() => journal.undo(id)),
  };
  return project;

  async function partsOfFile(id: string): Promise<string[]> {
    await project.fileOf(id);
    return idParts(id);
  }

  async function freeIn(folder: string, name: string, taken: Set<string>): Promise<string> {
    const refused = new Set<string>();
    // Names that differ only in case are the same on some file systems.
    const folded = (candidate: string): string => `${folder}/${candidate}`.normalize("NFC").toLowerCase();
    for (;;) {
      const free = freeName(name, (candidate) => refused.has(candidate) || taken.has(folded(candidate)));
      if (!(await isTaken(join(root, folder, free)))) {
        taken.add(folded(free));
        return free;
      }
      refused.add(free);
    }
  }
}

/** Earlier versions stored the link's token in the project, where it is not secret. */
async function withoutOldToken({ root }: Paths): Promise<string[]> {
  const path = join(root, OWN, "token");
  if (!(await isTaken(path))) return [];
  const isGone = await rm(path).then(
    () => true,
    () => false,
  );
  return isGone
    ? [`${OWN}/token was removed: every start of the studio makes a link of its own and keeps it nowhere.`]
    : [];
}

const unchanged: Changed = { change: null };

const changeInfoOf = (change: Change | undefined): ChangeInfo | null =>
  change === undefined ? null : { id: change.id, words: change.words };

const changeId = (): string => `${Date.now().toString(36)}-${randomBytes(4).toString("hex")}`;
const trashed = (change: string, path: string): string => `${OWN}/trash/${change}/${path}`;

/** How long the project's class folders are cached, in milliseconds. */
const SHELVES_MS = 1000;
/** The number of classes whose folders are cached. */
const MOST_HOMES = 1000;

/** Caches a result for `ms` milliseconds, or until it is dropped. */
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
