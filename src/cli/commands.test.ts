import { Command, Help } from "commander";
import { expect, test } from "vitest";
import { commands } from "./commands.ts";

test.each(Object.entries(commands))("%s is listed as it is", async (name, { usage, load }) => {
  const command = (await load())(new Command(name));
  expect(new Help().subcommandTerm(command)).toBe(`${name} ${usage}`.trimEnd());
  for (const child of [command, ...command.commands]) expect(() => child.helpInformation()).not.toThrow();
});
