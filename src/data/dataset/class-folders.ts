/** Folders of classes: every folder in a folder is a class, with the images at any depth below it. */
import type { ClassFolder, Named } from "./named.ts";
import { type Split, splitOfName } from "./split-names.ts";
import type { Survey } from "./survey.ts";
import { joined } from "./tree.ts";

export const BESIDE = "beside the class folders, not in one of them";

/**
 * The class folders of a folder, those without images too. Files beside them are noted.
 *
 * @param split the part that the folder is; undefined where it is the whole dataset
 * @param only names that are read; the others were taken for something else
 */
export async function classFolders(
  survey: Survey,
  folder: string,
  split: Split | undefined,
  only?: readonly string[],
): Promise<ClassFolder[]> {
  const { folders, files } = await survey.list(folder);
  for (const name of files) survey.ignore(joined(folder, name), "beside", BESIDE);
  const found: ClassFolder[] = [];
  for (const name of only ?? folders) found.push(await classFolder(survey, joined(folder, name), name, split));
  return found;
}

async function classFolder(
  survey: Survey,
  path: string,
  folderName: string,
  split: Split | undefined,
): Promise<ClassFolder> {
  const name = folderName.normalize("NFC");
  const splitOf = split === undefined ? await innerSplits(survey, path) : () => split;
  const images = (await survey.imagesBelow(path)).map(
    (image): Named => ({ path: image, className: name, split: splitOf(image), group: undefined }),
  );
  if (images.length === 0 && (await survey.isReadable(path)))
    survey.ignore(path, "empty", "a class folder without images");
  return { path, name, images };
}

/** `cats/train`, `cats/test`: the parts of one class, where all its sub-folders are called so; other images train. */
async function innerSplits(survey: Survey, path: string): Promise<(image: string) => Split | undefined> {
  const inner: string[] = [];
  for (const name of (await survey.list(path)).folders)
    if (await survey.holdsImages(joined(path, name))) inner.push(name);
  if (inner.length === 0 || !inner.every((name) => splitOfName(name) !== undefined)) return () => undefined;
  return (image) => splitOfName(image.slice(path.length + 1).split("/")[0]!) ?? "train";
}
