/** Calls functions of the tests' page from Node. */
import type { Page } from "playwright-core";
import type { Outcome, PageApi } from "./contract.ts";

type Result<Name extends keyof PageApi> = Awaited<ReturnType<PageApi[Name]>>;

/** Calls a function of the page; returns its result, or the sentence of its error. */
export async function outcomeOf<Name extends keyof PageApi>(
  page: Page,
  name: Name,
  ...args: Parameters<PageApi[Name]>
): Promise<Outcome<Result<Name>>> {
  await page.waitForFunction("globalThis.ask !== undefined");
  const asked = JSON.stringify([name, ...args.filter((one) => one !== undefined)]);
  return JSON.parse(await page.evaluate<string>(`globalThis.ask(${JSON.stringify(asked)})`)) as Outcome<Result<Name>>;
}

/** The same, for calls that must succeed. */
export async function call<Name extends keyof PageApi>(
  page: Page,
  name: Name,
  ...args: Parameters<PageApi[Name]>
): Promise<Result<Name>> {
  const outcome = await outcomeOf(page, name, ...args);
  if (outcome.kind === "answer") return outcome.value;
  throw new Error(`${name}: ${outcome.error.name}: ${outcome.error.message}`);
}
