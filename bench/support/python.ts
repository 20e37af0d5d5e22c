/** The Python that runs the peers, and whether it has what they import. */
import { runJson } from "./run.ts";

/** `GRAFT_PEER_PYTHON`, by default `python3`. */
export const PYTHON = process.env.GRAFT_PEER_PYTHON || "python3";

const PROBE = `
import json, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
`;

/** Versions of the given packages, those that are missing left out; empty where there is no such Python. */
export async function pythonPackages(names: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await runJson(PYTHON, ["-c", PROBE, ...names])).json;
  } catch {
    return {};
  }
}

/** What to do about missing packages, in one sentence. */
export const installHint = (missing: readonly string[]): string =>
  `${PYTHON} lacks ${missing.join(", ")}, so only Graft was measured: install as ../shared/peers/README.md says and name that Python in GRAFT_PEER_PYTHON.`;
