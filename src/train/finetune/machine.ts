/** What this machine has to spare for a training: memory, and the disk that the boundary cache lies on. */
import { statfs } from "node:fs/promises";
import type { Room } from "./room.ts";

/** Shares of what is free that the cache may take. */
const DISK_SHARE = 1 / 4;
const MEMORY_SHARE = 1 / 2;

/** What the system can give this process: free memory in bytes, within the container's limit. */
export const availableMemory = (): number => process.availableMemory();

/** The room for a cache in a folder that exists. */
export async function roomIn(folder: string): Promise<Room> {
  const { bavail, bsize } = await statfs(folder);
  return { disk: bavail * bsize * DISK_SHARE, memory: availableMemory() * MEMORY_SHARE };
}
