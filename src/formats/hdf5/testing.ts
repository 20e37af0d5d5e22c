/** For tests: HDF5 files in memory, written by the C library. */
import { File, FS, type Group, ready } from "h5wasm";

await ready;

/** The bytes of a file with the contents that `write` adds, in the oldest structures of the format (as h5py writes) or the newest. */
export function hdf5Of(write: (root: Group) => void, libver: "earliest" | "latest" = "earliest"): Uint8Array {
  const file = new File("/made.h5", "w", { libver: libver === "latest" ? libver : ["earliest", "latest"] });
  write(file);
  file.close();
  const bytes = FS!.readFile("/made.h5");
  FS!.unlink("/made.h5");
  return bytes;
}

/** Adds a float32 dataset, and the groups on its path. */
export function put(root: Group, path: string, shape: readonly number[], values: readonly number[]): void {
  const names = path.split("/");
  for (let depth = 1; depth < names.length; depth++) {
    const group = names.slice(0, depth).join("/");
    if (root.get(`/${group}`) === null) root.create_group(group);
  }
  root.create_dataset({ name: path, data: Float32Array.from(values), shape: [...shape], dtype: "<f" });
}
