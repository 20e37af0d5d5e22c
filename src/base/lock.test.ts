import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { holderOf, withLock } from "./lock.ts";

describe("withLock", () => {
  let folder: string;
  let lock: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "graft-lock-"));
    lock = join(folder, "a.lock");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("yields the work's result and leaves nothing behind", async () => {
    expect(await withLock(lock, { whenHeld: "fail" }, async () => (await readdir(lock)).length)).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it("is released when the work fails", async () => {
    const failing = withLock(lock, { whenHeld: "fail" }, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(await readdir(folder)).toEqual([]);
  });

  it("lets one in at a time", async () => {
    let inside = 0;
    let most = 0;
    const visit = () =>
      withLock(lock, { whenHeld: "wait" }, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 3));
        inside--;
      });
    await Promise.all(Array.from({ length: 12 }, visit));
    expect(most).toBe(1);
  });

  it("says in one sentence who holds it", async () => {
    await withLock(lock, { whenHeld: "fail" }, async () => {
      const second = withLock(lock, { whenHeld: "fail", what: "the folder runs/x" }, async () => "in");
      await expect(second).rejects.toThrow(
        `Another run (process ${process.pid}) is at work on the folder runs/x: wait`,
      );
      await expect(second).rejects.toMatchObject({ kind: "work" });
    });
  });

  it("tells which living process holds it", async () => {
    expect(await holderOf(lock)).toBeUndefined();
    await withLock(lock, { whenHeld: "fail" }, async () => {
      expect(await holderOf(lock)).toBe(process.pid);
    });
    expect(await holderOf(lock)).toBeUndefined();
  });

  it("tells once that it waits", async () => {
    const told: string[] = [];
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const first = withLock(lock, { whenHeld: "wait" }, () => opened);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const second = withLock(
      lock,
      {
        whenHeld: "wait",
        onWait: (holder) => {
          told.push(holder);
          open();
        },
      },
      async () => "in",
    );
    expect(await second).toBe("in");
    await first;
    expect(told).toEqual([`process ${process.pid}`]);
  });

  it.skipIf(process.platform === "win32")("is taken over from a process that was killed", async () => {
    // Any process that makes a claim of this form and dies: the claim's name is all that there is to a lock.
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log('up')"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    const mine = await withLock(lock, { whenHeld: "fail" }, async () => (await readdir(lock))[0]!);
    const [host] = mine.split("-");
    await mkdir(lock);
    await writeFile(join(lock, `${host}-${child.pid}-0-abc`), "");
    await expect(withLock(lock, { whenHeld: "fail" }, async () => "in")).rejects.toThrow(`process ${child.pid}`);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await withLock(lock, { whenHeld: "fail" }, async () => "in")).toBe("in");
    expect(await readdir(folder)).toEqual([]);
  });

  it.skipIf(process.platform !== "linux")("is not held by a process that only has the holder's number", async () => {
    const mine = await withLock(lock, { whenHeld: "fail" }, async () => (await readdir(lock))[0]!);
    const [host, pid] = mine.split("-");
    await mkdir(lock);
    await writeFile(join(lock, `${host}-${pid}-1-abc`), "");
    expect(await withLock(lock, { whenHeld: "fail" }, async () => "in")).toBe("in");
  });

  it("believes another machine's claim until that has been silent for long", async () => {
    await mkdir(lock);
    const claim = join(lock, "ffffffff-1-1-abc");
    await writeFile(claim, "");
    await expect(withLock(lock, { whenHeld: "fail" }, async () => "in")).rejects.toThrow("on another machine");
    const before = new Date(Date.now() - 3_600_000);
    await utimes(claim, before, before);
    expect(await withLock(lock, { whenHeld: "fail" }, async () => "in")).toBe("in");
  });
});
