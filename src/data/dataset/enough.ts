/** Checks that a dataset has enough images for training, before any work is done. Knows counts, not files or pixels. */
import { dataError } from "../../base/errors.ts";

/** What training needs besides its training images. */
export interface TrainingNeeds {
  /** Whether the dataset has a test part; without one, images are held out for the test. */
  readonly hasTest: boolean;
  /** Whether it has a validation part; without one, fine-tuning holds out images. */
  readonly hasValidation: boolean;
  readonly finetunes: boolean;
  /** Whether the images have been read, so that unreadable files are not counted. Default false. */
  readonly isRead?: boolean | undefined;
}

/** The least number of training images per class. */
const FEWEST = 2;

/**
 * Checks that each class has two images to train on, and that some class has one more image for each part that is held out.
 *
 * @param counts training images of each class, including those that will be held out
 * @throws GraftError (`data`, code `too-few-images`) with what is missing
 */
export function checkEnough(
  counts: readonly number[],
  classes: readonly string[],
  { hasTest, hasValidation, finetunes, isRead = false }: TrainingNeeds,
): void {
  const images = isRead ? "readable images" : "images";
  counts.forEach((count, label) => {
    if (count < FEWEST)
      throw tooFew(
        `The class "${classes[label]}" has ${count} ${count === 1 ? images.slice(0, -1) : images} to train on: add at least ${FEWEST - count} more.`,
      );
  });
  const most = Math.max(0, ...counts);
  const forTest = hasTest ? 0 : 1;
  if (most < FEWEST + forTest)
    throw tooFew(
      `No class has ${FEWEST + forTest} ${images}, so that none can be held out for the test: add images, or give a test part of its own.`,
    );
  const forValidation = finetunes && !hasValidation ? 1 : 0;
  if (most < FEWEST + forTest + forValidation)
    throw tooFew(
      `Fine-tuning holds images out for validation, and no class has ${FEWEST + forTest + forValidation} ${images}: add images, add a validation part, or train the head alone.`,
    );
}

const tooFew = (message: string): Error => dataError(message, undefined, "too-few-images");

/** {@link checkEnough} for a dataset whose examples name their parts. */
export function checkEnoughIn(
  {
    examples,
    classes,
  }: {
    readonly examples: readonly { readonly label: number; readonly split?: string | undefined }[];
    readonly classes: readonly string[];
  },
  finetunes: boolean,
  holdsOutTest = true,
): void {
  const counts = new Array<number>(classes.length).fill(0);
  const parts = new Set<string | undefined>();
  for (const { label, split } of examples) {
    parts.add(split);
    if (split === undefined || split === "train") counts[label] = counts[label]! + 1;
  }
  const hasTest = parts.has("test") || !holdsOutTest;
  checkEnough(counts, classes, { hasTest, hasValidation: parts.has("validation"), finetunes });
}
