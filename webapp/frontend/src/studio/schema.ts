import type { FilterInfo, JsonSchema, Language, Localized } from "../api/types";
import { number } from "../ui/format";
import { optionLabel } from "./options";

/** From a filter's JSON Schema to what a form needs: one field per parameter, with the control that fits. */

interface FieldBase {
  name: string;
  label: Localized;
  /** What the schema says of the parameter, in the languages that it says it in. */
  help: Partial<Localized> | null;
  /** Kept out of sight until asked for. */
  advanced: boolean;
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
  /** Below 1 it is a part of the image's size, else pixels. */
  relative: boolean;
  /** Whether a slider makes sense: both bounds, and not a thousand values on one pixel. */
  slider: boolean;
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
  maxLength: number | null;
  /** Rows of numbers, with semicolons between the rows. */
  rows: boolean;
}

export interface ColourField extends FieldBase {
  kind: "colour";
  /** `#rrggbb` or `#rrggbbaa` */
  value: string;
  alpha: boolean;
}

/** One of the nine places that an image has: its corners, its edges and its middle. */
export interface PlaceField extends FieldBase {
  kind: "place";
  value: string;
}

/** Another picture that the step needs; the value is its name among the files that are sent, or its SHA-256. */
export interface AssetField extends FieldBase {
  kind: "asset";
  value: string;
}

export type Field = NumberField | ChoiceField | SwitchField | TextField | ColourField | PlaceField | AssetField;

/** As they lie on an image, row by row. */
export const places = [
  ...["northwest", "north", "northeast"],
  ...["west", "center", "east"],
  ...["southwest", "south", "southeast"],
];

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
  const preset = typeof schema.default === "number" ? schema.default : null;
  const decimals = whole ? 0 : Math.max(decimalsOf(step), decimalsOf(min ?? 0), decimalsOf(preset ?? 0), 1);
  const tidy = (value: number | null) => (value === null ? null : Number(value.toFixed(decimals)));
  const relative = schema.relative === true;
  return {
    ...base,
    kind: "number",
    value: preset ?? tidy(min) ?? 0,
    min: tidy(min),
    max: tidy(max),
    step,
    decimals,
    unit: schema.unit ?? "",
    relative,
    slider: bounded && !relative && (high - low) / step <= mostSteps,
  };
}

/** Of a slider: 0 to 65,535 pixels are typed, not dragged. */
const mostSteps = 5000;
const positions = 1000;

export type LengthUnit = "%" | "px";

/** The unit in which a relative length is written. */
export function unitOf(value: number): LengthUnit {
  return Math.abs(value) >= 1 ? "px" : "%";
}

/** What a form shows of a relative length in one of its two units, and the bounds of that. */
export function lengthIn(unit: LengthUnit, field: NumberField) {
  const { min, max } = field;
  if (unit === "px")
    return { factor: 1, min: min !== null && min > 0 ? Math.max(1, min) : (min ?? 0), max, step: 1, decimals: 0 };
  const least = min === null ? 0 : Math.max(-99.9, 100 * min);
  return { factor: 100, min: Number(least.toFixed(1)), max: Math.min(99.9, 100 * (max ?? 1)), step: 1, decimals: 1 };
}

/** The same length of an image whose side has 1000 pixels, when the person changes the unit. */
export function converted(value: number, to: LengthUnit): number {
  if (to === unitOf(value)) return value;
  return to === "px" ? Math.round(value * 1000) : Number(Math.max(-0.999, Math.min(0.999, value / 1000)).toFixed(3));
}

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
      advanced: own.advanced === true,
    };
    const preset = typeof own.default === "string" ? own.default : "";
    if (own.format === "asset") return { ...base, kind: "asset", value: preset };
    if (own.format === "color") return { ...base, kind: "colour", value: preset || "#ffffff", alpha: own.transparency !== false };
    const options = (own.enum ?? (own.const === undefined ? undefined : [own.const]))?.filter(
      (option): option is string | number => typeof option === "string" || typeof option === "number",
    );
    if (options !== undefined && options.length > 0) {
      const value = options.find((option) => option === own.default) ?? (options[0] as string | number);
      if (options.length === places.length && places.every((place) => options.includes(place)))
        return { ...base, kind: "place", value: String(value) };
      return { ...base, kind: "choice", options, value };
    }
    if (own.type === "boolean") return { ...base, kind: "switch", value: own.default === true };
    if (own.type === "number" || own.type === "integer") return numberField(base, own);
    const rows = /^\s*[-\d.]+(\s+[-\d.]+)*\s*;/.test(preset);
    return { ...base, kind: "text", value: preset, maxLength: own.maxLength ?? null, rows };
  });
}

/** The parameters of a step just added: each field's default; what is advanced is the server's to know. */
export function defaultsOf(schema: JsonSchema): Record<string, unknown> {
  const fields = fieldsOf(schema).filter((field) => !field.advanced);
  return Object.fromEntries(fields.map((field) => [field.name, field.value]));
}

/** The name of the parameter that says which other picture the filter needs, or null. */
export function assetOf(schema: JsonSchema): string | null {
  return fieldsOf(schema).find((field) => field.kind === "asset")?.name ?? null;
}

/** Such as "radius 4 px, operator sobel": a step's parameters in one line. */
export function describe(filter: FilterInfo, params: Record<string, unknown>, language: Language): string {
  return fieldsOf(filter.schema)
    .flatMap((field) => {
      const value = params[field.name] ?? field.value;
      const label = field.label[language].toLowerCase();
      if (field.advanced && value === field.value) return [];
      switch (field.kind) {
        case "switch":
          return value === true ? [label] : [];
        case "asset":
          return [];
        case "text":
          return value === "" ? [] : [`${label} ${value}`];
        case "choice":
        case "place":
          return [`${label} ${optionLabel(String(value), language).toLowerCase()}`];
        case "number": {
          if (field.relative && typeof value === "number" && unitOf(value) === "%")
            return [`${label} ${number(100 * value, language, 1)} %`];
          return [`${label} ${value}${field.unit === "" ? "" : ` ${field.unit}`}`];
        }
        default:
          return [`${label} ${value}`];
      }
    })
    .join(", ");
}
