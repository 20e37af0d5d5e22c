/** How much of the network is trained, and the few things that may be said of it; each with what it is good for. */
import type { JSX } from "preact";
import type { RunSettings } from "../../../src/studio/api.ts";
import { settings } from "../pages/train.tsx";

const depths: readonly { readonly unfreeze: string; readonly name: string; readonly about: string }[] = [
  {
    unfreeze: "none",
    name: "The head only",
    about: "Seconds to minutes, and hard to beat with some hundred pictures. Start here.",
  },
  {
    unfreeze: "1",
    name: "The last stage too",
    about: "Minutes. Worth it where pictures differ from photographs of things: tissue, textures, drawings.",
  },
  {
    unfreeze: "2",
    name: "The last two stages",
    about: "Longer, and for many hundred pictures. The better of this and the head alone is kept.",
  },
  {
    unfreeze: "all",
    name: "Every layer",
    about: "The slowest by far: for thousands of pictures that look like nothing on the web.",
  },
];

type Optional = "epochs" | "learningRate" | "augment";

const change = (part: Partial<RunSettings>): void => {
  settings.value = { ...settings.value, ...part };
};

/** Sets a setting, or leaves it to the dataset's size. */
function changeOptional<K extends Optional>(name: K, value: RunSettings[K] | undefined): void {
  const { [name]: _, ...others } = settings.value;
  settings.value = value === undefined ? (others as RunSettings) : { ...settings.value, [name]: value };
}

/** The settings without those that only apply to fine-tuning, where there is none: they stay in their fields. */
export function askedOf(chosen: RunSettings): RunSettings {
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
            <strong>Let small classes count as much as large ones</strong>
            <small>Finds more of the rare classes, and mistakes more of the frequent ones for them.</small>
          </span>
        </label>
        <NumberField
          name="Seed"
          about="Another seed holds out other pictures."
          value={seed}
          least={0}
          onChange={(value) => change({ seed: value ?? 0 })}
        />
        {isTuning ? (
          <>
            <NumberField
              name="Epochs at most"
              about="How often each picture is seen. Empty: by the number of pictures."
              value={epochs}
              least={1}
              onChange={(value) => changeOptional("epochs", value)}
            />
            <NumberField
              name="Learning rate"
              about="Empty: a value that suits most networks."
              value={learningRate}
              step="any"
              onChange={(value) => changeOptional("learningRate", value !== undefined && value > 0 ? value : undefined)}
            />
            <label class="field">
              <span>Variations of the pictures</span>
              <select
                value={augment ?? ""}
                onChange={({ currentTarget: { value } }) =>
                  changeOptional("augment", value === "" ? undefined : (value as NonNullable<RunSettings["augment"]>))
                }
              >
                <option value="">by the number of pictures</option>
                <option value="none">none</option>
                <option value="light">light: crops, a little colour</option>
                <option value="standard">standard: mirrored, turned, too</option>
                <option value="strong">strong: mixed with each other, too</option>
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
