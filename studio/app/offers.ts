/** What is dropped on the page or chosen in a dialog → files with their paths, folders and all. What the folders mean is decided by the server. */

/** A file that is offered to the project. */
export interface Offer {
  readonly file: File;
  /** Below what was dropped or chosen, with `/`; a loose file's is its name. */
  readonly path: string;
}

/** Files that a drop holds, folders at any depth included. */
export async function offersOf(transfer: DataTransfer): Promise<Offer[]> {
  // All entries must be taken before the first wait: the list is emptied after the event.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found = await Promise.all(entries.map((entry) => walk(entry, "")));
  return found.flat();
}

/** Files that a dialog gave; a folder's carry their paths. */
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

/** Whether an offer is an archive by itself; one inside a folder is a file like any other. */
export const isArchive = ({ path }: Offer): boolean => /^[^/]*\.(zip|tar|tar\.gz|tgz)$/i.test(path);
