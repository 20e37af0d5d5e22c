import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { holderOf, withLock } from "./lock.ts";
import { ownerName } from "./owner.ts";

describe("withLock", () => {
  let folder: string;
  let lock: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "graft-lock-"));
    lock = join(folder, "a.lock");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("returns the result of the work and leaves nothing behind", async () => {
    expect(await withLock(lock, { whenHeld: "fail" }, async () => (await readdir(lock)).length)).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it("is released when the work fails", async () => {
    const failing = withLock(lock, { whenHeld: "fail" }, () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    expect(await readdir(folder)).toEqual([]);
  });

  it("lets one process work at a time", async () => {
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

  it("names the holder in one sentence", async () => {
    await withLock(lock, { whenHeld: "fail" }, async () => {
      const second = withLock(lock, { whenHeld: "fail", what: "the folder runs/x" }, async () => "in");
      await expect(second).rejects.toThrow(
        `Another run (process ${process.pid}) is working in the folder runs/x: wait`,
      );
      await expect(second).rejects.toMatchObject({ kind: "work" });
    });
  });

  it("returns the living process that holds it", async () => {
    expect(await holderOf(lock)).toBeUndefined();
    await withLock(lock, { whenHeld: "fail" }, async () => {
      expect(await holderOf(lock)).toEqual({ pid: process.pid, called: `process ${process.pid}` });
    });
    expect(await holderOf(lock)).toBeUndefined();
  });

  it("reports once that it waits", async () => {
    const reports: string[] = [];
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
          reports.push(holder);
          open();
        },
      },
      async () => "in",
    );
    expect(await second).toBe("in");
    await first;
    expect(reports).toEqual([`process ${process.pid}`]);
  });

  /** The name of a claim of this process with parts of it replaced: host, boot, namespace, process, start. */
  const claimOf = (changes: readonly (string | number | undefined)[]): string =>
    ownerName()
      .split("-")
      .map((part, i) => changes[i] ?? part)
      .join("-");
  const claim = async (...changes: (string | number | undefined)[]): Promise<string> => {
    const path = join(lock, claimOf(changes));
    await mkdir(lock, { recursive: true });
    await writeFile(path, "");
    return path;
  };
  const take = (): Promise<string> => withLock(lock, { whenHeld: "fail" }, async () => "in");

  it.skipIf(process.platform === "win32")("is taken over from a process that was killed", async () => {
    // Any process that makes a claim of this form and dies: a lock consists only of the claim's name.
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000); console.log('up')"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    await claim(undefined, undefined, undefined, child.pid, 0);
    await expect(take()).rejects.toThrow(`process ${child.pid})`);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await take()).toBe("in");
    expect(await readdir(folder)).toEqual([]);
  });

  const onLinux = it.skipIf(process.platform !== "linux");

  onLinux("is not held by a process that only has the holder's number", async () => {
    await claim(undefined, undefined, undefined, process.pid, 1);
    expect(await take()).toBe("in");
  });

  const old = (milliseconds: number): Date => new Date(Date.now() - milliseconds);

  it("respects the claim of another machine until it has been silent for long", async () => {
    const path = await claim("ffffffff", "eeeeeeee");
    await expect(take()).rejects.toThrow(`process ${process.pid} on another machine`);
    await utimes(path, old(3_600_000), old(3_600_000));
    expect(await take()).toBe("in");
  });

  it("respects a claim of an unknown form in the same way", async () => {
    await mkdir(lock);
    await writeFile(join(lock, "ffffffff-1-1-abc"), "");
    await expect(take()).rejects.toThrow("on another machine");
  });

  onLinux(
    "believes a claim from another PID namespace while it is fresh, whatever runs under its number here",
    async () => {
      for (const pid of [process.pid, 2 ** 22 + 1]) {
        const path = await claim(undefined, undefined, "4000000001", pid);
        expect(await holderOf(lock)).toEqual({ pid: undefined, called: `process ${pid} in another container` });
        await expect(take()).rejects.toThrow("in another container");
        await utimes(path, old(3_600_000), old(3_600_000));
        expect(await take()).toBe("in");
      }
    },
  );

  onLinux("forgets the claims that were there before this machine was started again", async () => {
    const path = await claim(undefined, "eeeeeeee");
    await expect(take()).rejects.toThrow("on another machine");
    const before = old(uptime() * 1000 + 5000);
    await utimes(path, before, before);
    expect(await take()).toBe("in");
  });

  onLinux("is not held at once by two PID namespaces of one host name", async ({ skip }) => {
    const script = `
      const { register } = await import(${JSON.stringify(import.meta.resolve("tsx/esm/api"))});
      register();
      const { withLock } = await import(${JSON.stringify(new URL("./lock.ts", import.meta.url).href)});
      await withLock(${JSON.stringify(lock)}, { whenHeld: "wait" }, async () => {
        console.log("in");
        await new Promise((resolve) => process.stdin.on("end", resolve).resume());
        console.log("out");
      });`;
    const inside = ["--pid", "--fork", "--mount-proc", process.execPath, "--input-type=module", "-e", script];
    const start = () => spawn("unshare", inside, { stdio: ["pipe", "pipe", "ignore"] });
    const [first, second] = [start(), start()];
    const reports: string[] = [];
    for (const [name, child] of [
      ["first", first],
      ["second", second],
    ] as const)
      child.stdout.on("data", (text: Buffer) => reports.push(`${name} ${text.toString().trim()}`));
    const failed = once(first, "exit").then(() => "unshare is not permitted here");
    const up = new Promise<void>((resolve) => first.stdout.once("data", resolve));
    const also = new Promise<void>((resolve) => second.stdout.once("data", resolve));
    const problem = await Promise.race([up, also, failed]);
    if (typeof problem === "string" && reports.length === 0) return skip(problem);
    // Long enough for the second process to check many times.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(reports).toHaveLength(1);
    await expect(take()).rejects.toThrow("in another container");
    const [holder, waiter] = reports[0] === "first in" ? [first, second] : [second, first];
    holder.stdin.end();
    await expect.poll(() => reports.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(3);
    waiter.stdin.end();
    await Promise.all([once(waiter, "exit"), holder.exitCode ?? once(holder, "exit")]);
    expect(reports.map((line) => line.split(" ")[1])).toEqual(["in", "out", "in", "out"]);
  });

  it("ignores a claim from the future: files from an archive can have any time", async () => {
    const path = await claim("ffffffff", "eeeeeeee");
    await utimes(path, old(-10 * 365 * 24 * 3_600_000), old(-10 * 365 * 24 * 3_600_000));
    expect(await take()).toBe("in");
  });

  it("removes nothing that is not a claim", async () => {
    const others = ["notes.txt", "a-b-c-d", "ffffffff-1-1-abc.txt", "0123abcd-0-0"];
    await mkdir(join(lock, "ffffffff-1-1-folder"), { recursive: true });
    for (const name of others) await writeFile(join(lock, name), "");
    const before = new Date(Date.now() - 3_600_000);
    for (const name of others) await utimes(join(lock, name), before, before);
    expect(await withLock(lock, { whenHeld: "fail" }, async () => "in")).toBe("in");
    expect(await holderOf(lock)).toBeUndefined();
    expect((await readdir(lock)).sort()).toEqual([...others, "ffffffff-1-1-folder"].sort());
  });

  it.skipIf(process.platform === "win32")("does not follow a link", async () => {
    const elsewhere = join(folder, "elsewhere");
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, "ffffffff-1-1-abc"), "");
    const before = new Date(Date.now() - 3_600_000);
    await utimes(join(elsewhere, "ffffffff-1-1-abc"), before, before);
    await symlink(elsewhere, lock);
    for (const whenHeld of ["fail", "wait"] as const)
      await expect(withLock(lock, { whenHeld }, async () => "in")).rejects.toThrow("is a link, and a lock is a folder");
    await expect(holderOf(lock)).rejects.toThrow("is a link");
    expect(await readdir(elsewhere)).toEqual(["ffffffff-1-1-abc"]);
  });
});
