import { describe as suite, expect, it } from "vitest";
import type { FilterInfo, JsonSchema } from "../api/types";
import {
  assetOf,
  converted,
  defaultsOf,
  describe,
  fieldsOf,
  lengthIn,
  type NumberField,
  places,
  sliderScale,
  unitOf,
} from "./schema";

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

  it("have a slider only where its positions are not thousands of values apart", () => {
    expect(numeric({ type: "integer", minimum: 1, maximum: 1024 }).slider).toBe(true);
    expect(numeric({ type: "integer", minimum: 0, maximum: 65535 }).slider).toBe(false);
    expect(numeric({ type: "number", minimum: 0 }).slider).toBe(false);
    expect(numeric({ type: "number", minimum: 0, maximum: 1, relative: true }).slider).toBe(false);
  });

  it("show every digit of the default", () => {
    expect(numeric({ type: "number", minimum: 0, maximum: 100, default: 0.125 }).decimals).toBe(3);
  });

  it("are of the kinds that have controls of their own", () => {
    const kinds = (properties: Record<string, JsonSchema>) => fieldsOf({ properties }).map((one) => one.kind);
    expect(
      kinds({
        colour: { type: "string", format: "color", default: "#ff0000" },
        image: { type: "string", format: "asset", default: "" },
        gravity: { enum: places.toReversed(), default: "southeast" },
        direction: { enum: ["north", "south"] },
      }),
    ).toEqual(["colour", "asset", "place", "choice"]);
    expect(assetOf({ properties: { x: { type: "number" }, image: { type: "string", format: "asset" } } })).toBe("image");
    expect(assetOf(schema)).toBeNull();
  });

  it("know rows of numbers from other texts", () => {
    const rows = (text: string) => fieldsOf({ properties: { text: { type: "string", default: text } } })[0];
    expect(rows("0 -1 0; -1 5 -1; 0 -1 0")).toMatchObject({ kind: "text", rows: true });
    expect(rows("Cumulo; all rights reserved")).toMatchObject({ rows: false });
    expect(rows("16:9")).toMatchObject({ rows: false });
  });

  it("leave what is advanced to the server until it is asked for", () => {
    const exact = { properties: { exact: { type: "boolean", default: false, advanced: true } } };
    expect(fieldsOf(exact)[0]).toMatchObject({ advanced: true });
    expect(defaultsOf(exact)).toEqual({});
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

suite("a length", () => {
  const margin = numeric({ type: "number", minimum: 0, maximum: 10000, default: 0.03, relative: true, unit: "px" });

  it("below 1 is a part of the image", () => {
    expect([0.03, 0.999, -0.5, 1, 30, -12].map(unitOf)).toEqual(["%", "%", "%", "px", "px", "px"]);
  });

  it("has bounds that fit its unit", () => {
    expect(lengthIn("%", margin)).toMatchObject({ factor: 100, min: 0, max: 99.9 });
    expect(lengthIn("px", margin)).toMatchObject({ factor: 1, min: 0, max: 10000, decimals: 0 });
    const size = numeric({ type: "number", minimum: 0.001, maximum: 2000, relative: true });
    expect([lengthIn("%", size).min, lengthIn("px", size).min]).toEqual([0.1, 1]);
    const x = numeric({ type: "number", minimum: -65535, maximum: 65535, relative: true });
    expect([lengthIn("%", x).min, lengthIn("px", x).min]).toEqual([-99.9, -65535]);
  });

  it("stays in its new unit when that is changed", () => {
    expect(converted(0.03, "px")).toBe(30);
    expect(converted(30, "%")).toBe(0.03);
    expect(converted(5000, "%")).toBe(0.999);
    expect(unitOf(converted(0.0001, "px"))).toBe("%");
  });
});

suite("a step in one line", () => {
  it("names its parameters in the reader's language", () => {
    const filter = { schema: { properties: { radius: schema.properties?.["radius"] } } } as unknown as FilterInfo;
    expect(describe(filter, { radius: 4 }, "es")).toBe("radio 4 px");
    expect(describe(filter, {}, "en")).toBe("radius 2 px");
  });

  it("says what was chosen in words and leaves out what was not", () => {
    const label = (en: string, es: string) => ({ label: { en, es } });
    const properties: Record<string, JsonSchema> = {
      image: { type: "string", format: "asset", ...label("Picture", "Imagen") },
      gravity: { enum: places, ...label("Gravity", "Posición") },
      margin: { type: "number", default: 0.03, relative: true, unit: "px", ...label("Margin", "Margen") },
      tiled: { type: "boolean", default: false, ...label("Tiled", "En mosaico") },
      exact: { type: "boolean", default: false, advanced: true, ...label("Exact", "Exacto") },
    };
    const filter = { schema: { properties } } as unknown as FilterInfo;
    const params = { image: "a".repeat(64), gravity: "south", margin: 0.025, tiled: false };
    expect(describe(filter, params, "en")).toBe("gravity bottom, margin 2.5 %");
    expect(describe(filter, { ...params, margin: 40, tiled: true, exact: true }, "es")).toBe(
      "posición abajo, margen 40 px, en mosaico, exacto",
    );
  });
});
