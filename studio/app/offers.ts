/** Turns what the user drops or chooses into files with paths, including folders. The server decides what the folders mean. */

/** A file that the user wants to add. */
export interface Offer {
  readonly file: File;
  /** Path below the dropped or chosen folder, with `/`; for a single file, its name. */
  readonly path: string;
}

/** The files of a drop, including folders at any depth. */
export async function offersOf(transfer: DataTransfer): Promise<Offer[]> {
  // All entries must be read before the first await: the browser empties the list after the event.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found = await Promise.all(entries.map((entry) => walk(entry, "")));
  return found.flat();
}

/** The files of a file dialog; files of a folder have their paths. */
export const chosenOffers = (files: Iterable<File>): Offer[] =>
  [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

async function walk(entry: FileSystemEntry, folder: string): Promise<Offer[]> {
  const path = `${folder}${entry.name}`;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ file, path }];
  }
  const offers: Offer[] = [];
  for (const child of await childrenOf(entry as FileSystemDirectoryEntry))
    offers.push(...(await walk(child, `${path}/`)));
  return offers;
}

/** A browser returns a folder's entries a hundred at a time. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** Whether a file is an archive. One inside a folder counts as an ordinary file. */
export const isArchive = ({ path }: Offer): boolean => /^[^/]*\.(zip|tar|tar\.gz|tgz)$/i.test(path);
