import type { FilterInfo, JsonSchema, Language, Localized } from "../api/types";

/** From a filter's JSON Schema to what a form needs: one field per parameter, with the control that fits. */

interface FieldBase {
  name: string;
  label: Localized;
  /** What the schema says of the parameter, in the languages that it says it in. */
  help: Partial<Localized> | null;
}

export interface NumberField extends FieldBase {
  kind: "number";
  value: number;
  /** Null where the schema leaves that side open; a slider needs both. */
  min: number | null;
  max: number | null;
  step: number;
  decimals: number;
  unit: string;
}

export interface ChoiceField extends FieldBase {
  kind: "choice";
  value: string | number;
  options: (string | number)[];
}

export interface SwitchField extends FieldBase {
  kind: "switch";
  value: boolean;
}

export interface TextField extends FieldBase {
  kind: "text";
  value: string;
}

export type Field = NumberField | ChoiceField | SwitchField | TextField;

/** Follows `$ref`, a single `allOf` and the "or null" of an optional parameter to the schema that says the type. */
function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const { $ref, allOf, anyOf, ...own } = schema;
  if ($ref !== undefined) {
    const target = root.$defs?.[$ref.replace("#/$defs/", "")];
    return target === undefined ? own : { ...resolve(target, root), ...own };
  }
  if (allOf?.[0] !== undefined) return { ...resolve(allOf[0], root), ...own };
  const real = anyOf?.find((one) => one.type !== "null");
  if (real !== undefined) return { ...resolve(real, root), ...own };
  return own;
}

function words(name: string): string {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A description that comes in one language alone is in English. */
function helpOf(text: string | Localized | undefined): Partial<Localized> | null {
  return typeof text === "string" ? { en: text } : (text ?? null);
}

/** A step that cuts the range in about a hundred: 1, 2 or 5 times a power of ten. */
function niceStep(min: number, max: number): number {
  const rough = (max - min) / 100;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5].findLast((one) => one * power <= rough * 1.0001) ?? 1;
  return Number((factor * power).toPrecision(1));
}

function decimalsOf(value: number): number {
  const text = value.toString();
  if (text.includes("e-")) return Number(text.split("e-")[1]);
  return text.split(".")[1]?.length ?? 0;
}

function numberField(base: FieldBase, schema: JsonSchema): NumberField {
  const whole = schema.type === "integer";
  const low = schema.minimum ?? schema.exclusiveMinimum ?? null;
  const high = schema.maximum ?? schema.exclusiveMaximum ?? null;
  const bounded = low !== null && high !== null && high > low;
  // Never so coarse that a small default falls between two positions.
  const fitting = bounded ? Math.min(niceStep(low, high), 0.1) : 0.1;
  const step = schema.step ?? schema.multipleOf ?? (whole ? 1 : fitting);
  // A bound that is excluded moves inwards by one step: the form offers only what the server accepts.
  const min = schema.minimum ?? (schema.exclusiveMinimum === undefined ? null : schema.exclusiveMinimum + step);
  const max = schema.maximum ?? (schema.exclusiveMaximum === undefined ? null : schema.exclusiveMaximum - step);
  const decimals = whole ? 0 : Math.max(decimalsOf(step), decimalsOf(min ?? 0), 1);
  const tidy = (value: number | null) => (value === null ? null : Number(value.toFixed(decimals)));
  const value = typeof schema.default === "number" ? schema.default : (tidy(min) ?? 0);
  return { ...base, kind: "number", value, min: tidy(min), max: tidy(max), step, decimals, unit: schema.unit ?? "" };
}

const positions = 1000;

/**
 * Where a slider stands for a value, from 0 to 1000, and back. A range whose default lies near its start
 * (a blur of 2 in 0 to 200) is stretched there, so that the values people want are not all on one pixel.
 */
export function sliderScale(field: NumberField & { min: number; max: number }) {
  const { min, max, value: preset, decimals, step } = field;
  const share = (preset - min) / (max - min);
  const power = share > 0 && share < 0.1 ? Math.min(3, Math.log(share) / Math.log(0.25)) : 1;
  return {
    positions,
    toPosition: (value: number) => Math.round(positions * (Math.max(0, value - min) / (max - min)) ** (1 / power)),
    toValue: (position: number) => {
      const value = min + (max - min) * (position / positions) ** power;
      return Number(Math.min(max, min + Math.round((value - min) / step) * step).toFixed(decimals));
    },
  };
}

/** The form's fields for a filter, in the order of its schema. */
export function fieldsOf(schema: JsonSchema): Field[] {
  return Object.entries(schema.properties ?? {}).map(([name, property]): Field => {
    const own = resolve(property, schema);
    const base: FieldBase = {
      name,
      label: own.label ?? { en: words(name), es: words(name) },
      help: helpOf(own.description),
    };
    const options = (own.enum ?? (own.const === undefined ? undefined : [own.const]))?.filter(
      (option): option is string | number => typeof option === "string" || typeof option === "number",
    );
    if (options !== undefined && options.length > 0) {
      const preset = options.find((option) => option === own.default);
      return { ...base, kind: "choice", options, value: preset ?? (options[0] as string | number) };
    }
    if (own.type === "boolean") return { ...base, kind: "switch", value: own.default === true };
    if (own.type === "number" || own.type === "integer") return numberField(base, own);
    return { ...base, kind: "text", value: typeof own.default === "string" ? own.default : "" };
  });
}

/** The parameters of a step just added: each field's default. */
export function defaultsOf(schema: JsonSchema): Record<string, unknown> {
  return Object.fromEntries(fieldsOf(schema).map((field) => [field.name, field.value]));
}

/** Such as "radius 4 px, operator sobel": a step's parameters in one line. */
export function describe(filter: FilterInfo, params: Record<string, unknown>, language: Language): string {
  return fieldsOf(filter.schema)
    .map((field) => {
      const value = params[field.name] ?? field.value;
      const unit = field.kind === "number" && field.unit !== "" ? ` ${field.unit}` : "";
      return `${field.label[language].toLowerCase()} ${value}${unit}`;
    })
    .join(", ");
}
