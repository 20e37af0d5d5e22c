/** The training options: how much of the network to train, and advanced settings, each with a short explanation. */
import type { JSX } from "preact";
import type { RunSettings } from "../../../src/studio/api.ts";
import { settings } from "../pages/train.tsx";

const depths: readonly { readonly unfreeze: string; readonly name: string; readonly about: string }[] = [
  {
    unfreeze: "none",
    name: "Head only",
    about: "Takes seconds to minutes. Hard to beat with a few hundred images. Start here.",
  },
  {
    unfreeze: "1",
    name: "Last stage too",
    about: "Takes minutes. Worth it for images unlike everyday photos: tissue, textures, drawings.",
  },
  {
    unfreeze: "2",
    name: "Last two stages",
    about: "Takes longer; for many hundreds of images. Graft keeps the better of this and the head alone.",
  },
  {
    unfreeze: "all",
    name: "Every layer",
    about: "By far the slowest; for thousands of images that look like nothing on the web.",
  },
];

type Optional = "epochs" | "learningRate" | "augment";

const change = (part: Partial<RunSettings>): void => {
  settings.value = { ...settings.value, ...part };
};

/** Changes a setting, or resets it to the default, which depends on the dataset's size. */
function changeOptional<K extends Optional>(name: K, value: RunSettings[K] | undefined): void {
  const { [name]: _, ...others } = settings.value;
  settings.value = value === undefined ? (others as RunSettings) : { ...settings.value, [name]: value };
}

/** The settings to send: without the fine-tuning settings if only the head is trained. The form keeps them. */
export function settingsToSend(chosen: RunSettings): RunSettings {
  if (chosen.unfreeze !== "none") return chosen;
  const { network, unfreeze, seed, classWeights } = chosen;
  return { network, unfreeze, seed, classWeights };
}

export function TrainOptions(): JSX.Element {
  const { unfreeze, classWeights, seed, epochs, learningRate, augment } = settings.value;
  const isTuning = unfreeze !== "none";
  return (
    <section class="panel" aria-labelledby="options-title">
      <h2 id="options-title">What to train</h2>
      <fieldset class="choices">
        <legend class="visually-hidden">How much of the network is trained</legend>
        {depths.map(({ unfreeze: value, name, about }) => (
          <label key={value} class="choice">
            <input
              type="radio"
              name="depth"
              checked={unfreeze === value}
              onChange={() => change({ unfreeze: value })}
            />
            <span>
              <strong>{name}</strong>
              <small>{about}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <details>
        <summary>More options</summary>
        <label class="choice">
          <input
            type="checkbox"
            checked={classWeights === "balanced"}
            onChange={(event) => change({ classWeights: event.currentTarget.checked ? "balanced" : "none" })}
          />
          <span>
            <strong>Give small classes the same weight as large ones</strong>
            <small>
              Finds more images of rare classes, but predicts rare classes more often for images of frequent ones.
            </small>
          </span>
        </label>
        <NumberField
          name="Seed"
          about="Another seed holds out other images for testing."
          value={seed}
          least={0}
          onChange={(value) => change({ seed: value ?? 0 })}
        />
        {isTuning ? (
          <>
            <NumberField
              name="Maximum epochs"
              about="Passes over all images. Empty: depends on the number of images."
              value={epochs}
              least={1}
              onChange={(value) => changeOptional("epochs", value)}
            />
            <NumberField
              name="Learning rate"
              about="Empty: a default that suits most networks."
              value={learningRate}
              step="any"
              onChange={(value) => changeOptional("learningRate", value !== undefined && value > 0 ? value : undefined)}
            />
            <label class="field">
              <span>Augmentation</span>
              <select
                value={augment ?? ""}
                onChange={({ currentTarget: { value } }) =>
                  changeOptional("augment", value === "" ? undefined : (value as NonNullable<RunSettings["augment"]>))
                }
              >
                <option value="">default for the number of images</option>
                <option value="none">none</option>
                <option value="light">light: crops and small colour changes</option>
                <option value="standard">standard: also flips and rotations</option>
                <option value="strong">strong: also mixes images</option>
              </select>
            </label>
          </>
        ) : null}
      </details>
    </section>
  );
}

interface NumberFieldProps {
  readonly name: string;
  readonly about: string;
  readonly value: number | undefined;
  readonly least?: number;
  readonly step?: "any" | 1;
  readonly onChange: (value: number | undefined) => void;
}

function NumberField({ name, about, value, least = 0, step = 1, onChange }: NumberFieldProps): JSX.Element {
  return (
    <label class="field">
      <span>
        {name}
        <small>{about}</small>
      </span>
      <input
        type="number"
        min={least}
        step={step}
        value={value ?? ""}
        onInput={({ currentTarget: input }) => {
          const typed = input.valueAsNumber;
          onChange(Number.isFinite(typed) && input.validity.valid ? typed : undefined);
        }}
      />
    </label>
  );
}
