import { describe, expect, it } from "vitest";
import { cacheFolder } from "./cache-folder.ts";

describe("cacheFolder", () => {
  const home = "/home/ada";

  it.each([
    ["GRAFT_CACHE first", { GRAFT_CACHE: "/big/disk", XDG_CACHE_HOME: "/xdg" }, "linux", "/big/disk"],
    ["then XDG_CACHE_HOME", { XDG_CACHE_HOME: "/xdg" }, "linux", "/xdg/graft"],
    ["then XDG_CACHE_HOME, on macOS too", { XDG_CACHE_HOME: "/xdg" }, "darwin", "/xdg/graft"],
    ["a relative XDG_CACHE_HOME counts for nothing", { XDG_CACHE_HOME: "xdg" }, "linux", "/home/ada/.cache/graft"],
    ["an empty GRAFT_CACHE counts for nothing", { GRAFT_CACHE: "" }, "linux", "/home/ada/.cache/graft"],
    ["Linux's custom", {}, "linux", "/home/ada/.cache/graft"],
    ["macOS's custom", {}, "darwin", "/home/ada/Library/Caches/graft"],
  ] as const)("%s", (_, env, platform, expected) => {
    expect(cacheFolder({ env, platform, home })).toBe(expected);
  });

  it("follows the convention of Windows", () => {
    const home = "C:\\Users\\ada";
    expect(cacheFolder({ env: { LOCALAPPDATA: "D:\\Local" }, platform: "win32", home })).toBe(
      "D:\\Local\\graft\\Cache",
    );
    expect(cacheFolder({ env: {}, platform: "win32", home })).toBe("C:\\Users\\ada\\AppData\\Local\\graft\\Cache");
  });
});
