import { describe as suite, expect, it } from "vitest";
import type { FilterInfo, JsonSchema } from "../api/types";
import { defaultsOf, describe, fieldsOf, type NumberField, sliderScale } from "./schema";

const schema: JsonSchema = {
  type: "object",
  properties: {
    radius: {
      type: "number",
      default: 2,
      minimum: 0.1,
      maximum: 100,
      unit: "px",
      label: { en: "Radius", es: "Radio" },
      description: "Standard deviation",
    },
    threshold: { type: "integer", default: 128, minimum: 0, maximum: 255 },
    operator: { $ref: "#/$defs/Operator", default: "sobel" },
    keep_alpha: { type: "boolean", default: true },
    amount: { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1, default: 0.5, step: 0.05 },
    seed: { anyOf: [{ type: "integer", minimum: 0 }, { type: "null" }], default: 7 },
    text: { type: "string" },
  },
  $defs: { Operator: { type: "string", enum: ["sobel", "prewitt"] } },
};

const field = (name: string) => {
  const found = fieldsOf(schema).find((one) => one.name === name);
  if (found === undefined) throw new Error(`no field ${name}`);
  return found;
};
const numeric = (property: JsonSchema) => fieldsOf({ properties: { x: property } })[0] as NumberField;

suite("a form's fields", () => {
  it("start from the schema's defaults", () => {
    expect(defaultsOf(schema)).toEqual({
      radius: 2,
      threshold: 128,
      operator: "sobel",
      keep_alpha: true,
      amount: 0.5,
      seed: 7,
      text: "",
    });
  });

  it("get the control that fits the type", () => {
    expect(fieldsOf(schema).map((one) => one.kind)).toEqual([
      "number",
      "number",
      "choice",
      "switch",
      "number",
      "number",
      "text",
    ]);
  });

  it("carry bounds, unit, label and help", () => {
    expect(field("radius")).toMatchObject({
      min: 0.1,
      max: 100,
      unit: "px",
      label: { en: "Radius", es: "Radio" },
      help: { en: "Standard deviation" },
    });
  });

  it("are named after the parameter where the schema gives no label", () => {
    expect(field("keep_alpha").label).toEqual({ en: "Keep alpha", es: "Keep alpha" });
  });

  it("never offer a bound that the schema excludes", () => {
    expect(field("amount")).toMatchObject({ min: 0.05, max: 0.95, step: 0.05 });
  });

  it("count in whole steps for integers and in fitting ones for the rest", () => {
    expect(field("threshold")).toMatchObject({ step: 1, decimals: 0 });
    expect(numeric({ type: "number", minimum: 0, maximum: 1 })).toMatchObject({ step: 0.01, decimals: 2 });
    expect(numeric({ type: "number", minimum: 0, maximum: 100 })).toMatchObject({ step: 0.1, decimals: 1 });
    expect(numeric({ type: "number", minimum: 0.001, maximum: 0.002 }).step).toBeCloseTo(0.00001);
  });

  it("without both bounds have no slider", () => {
    expect(field("seed")).toMatchObject({ kind: "number", min: 0, max: null });
  });

  it("of a filter without parameters are none", () => {
    expect(fieldsOf({ type: "object", properties: {} })).toEqual([]);
    expect(defaultsOf({ type: "object" })).toEqual({});
  });
});

suite("a slider", () => {
  const scaleOf = (property: JsonSchema) => {
    const { min, max, ...rest } = numeric(property);
    return sliderScale({ ...rest, min: min ?? 0, max: max ?? 0 });
  };

  it("is even where the default lies well inside the range", () => {
    const scale = scaleOf({ type: "integer", minimum: 0, maximum: 255, default: 128 });
    expect(scale.toPosition(51)).toBe(200);
    expect(scale.toValue(200)).toBe(51);
  });

  it("gives small values room where the default lies near the start", () => {
    const scale = scaleOf({ type: "number", minimum: 0, maximum: 200, default: 2, step: 0.5 });
    expect(scale.toPosition(2)).toBeGreaterThan(150);
    expect([0, 1000].map(scale.toValue)).toEqual([0, 200]);
  });

  it("comes back to every value that it can show", () => {
    const scale = scaleOf({ type: "integer", minimum: 1, maximum: 1024, default: 16 });
    for (const value of [1, 2, 16, 100, 1000, 1024]) {
      expect(Math.abs(scale.toValue(scale.toPosition(value)) - value)).toBeLessThanOrEqual(2);
    }
  });
});

suite("a step in one line", () => {
  it("names its parameters in the reader's language", () => {
    const filter = { schema: { properties: { radius: schema.properties?.["radius"] } } } as unknown as FilterInfo;
    expect(describe(filter, { radius: 4 }, "es")).toBe("radio 4 px");
    expect(describe(filter, {}, "en")).toBe("radius 2 px");
  });
});
