/** What is dropped on the page or chosen in a dialog → files, each with the class that its folder names. Nothing is sent here. */

/** A file that is offered to the project. */
export interface Offer {
  readonly file: File;
  /** The folder that it lay in; nothing for a loose file. */
  readonly folder: string | undefined;
}

/** Files that a drop holds, folders at any depth included. */
export async function offersOf(transfer: DataTransfer): Promise<Offer[]> {
  // All entries must be taken before the first wait: the list is emptied after the event.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found = await Promise.all(entries.map((entry) => walk(entry, undefined)));
  return found.flat();
}

/** Files that a dialog gave; a folder's carry their paths. */
export const chosenOffers = (files: Iterable<File>): Offer[] =>
  [...files]
    .filter(({ name }) => !name.startsWith("."))
    .map((file) => ({ file, folder: file.webkitRelativePath.split("/").at(-2) }));

async function walk(entry: FileSystemEntry, folder: string | undefined): Promise<Offer[]> {
  if (entry.name.startsWith(".") || entry.name === "__MACOSX") return [];
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ file, folder }];
  }
  const offers: Offer[] = [];
  for (const child of await childrenOf(entry as FileSystemDirectoryEntry))
    offers.push(...(await walk(child, entry.name)));
  return offers;
}

/** A browser hands out a folder's entries a hundred at a time. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

export const isArchive = ({ name, type }: File): boolean => /\.zip$/i.test(name) || type === "application/zip";
