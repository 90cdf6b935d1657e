import { describe, expect, it } from "vitest";
import type { FilterInfo } from "../api/types";
import { addStep, changeStep, fromJson, moveStep, removeStep, type Step, toJson, withoutPicture } from "./pipeline";

const filter = (
  name: string,
  properties: FilterInfo["schema"]["properties"] = {},
  aliases: string[] = [],
): FilterInfo => ({
  name,
  aliases,
  label: { en: name, es: name },
  description: { en: "", es: "" },
  category: "detail",
  schema: { type: "object", properties },
});
const blur = filter("blur", { radius: { type: "number", default: 2, minimum: 0, maximum: 50 } }, ["desenfoque"]);
const sepia = filter("sepia");
const bw = filter("bw");
const names = (steps: Step[]) => steps.map((step) => step.filter);

describe("a pipeline", () => {
  const three = [sepia, blur, bw].reduce<Step[]>(addStep, []);
  const [first, second, third] = three.map((step) => step.id) as [number, number, number];

  it("takes steps with their defaults, the same filter twice too", () => {
    const twice = addStep(three, blur);
    expect(toJson(twice)).toEqual([
      { filter: "sepia" },
      { filter: "blur", radius: 2 },
      { filter: "bw" },
      { filter: "blur", radius: 2 },
    ]);
    expect(new Set(twice.map((step) => step.id)).size).toBe(4);
  });

  it("reorders within its ends", () => {
    expect(names(moveStep(three, third, -1))).toEqual(["sepia", "bw", "blur"]);
    expect(names(moveStep(three, first, 1))).toEqual(["blur", "sepia", "bw"]);
    expect(names(moveStep(three, first, -1))).toEqual(["sepia", "blur", "bw"]);
    expect(names(moveStep(three, third, 1))).toEqual(["sepia", "blur", "bw"]);
  });

  it("changes one step and leaves the given list alone", () => {
    const changed = changeStep(three, second, { radius: 8 });
    expect(toJson(changed)[1]).toEqual({ filter: "blur", radius: 8 });
    expect(toJson(three)[1]).toEqual({ filter: "blur", radius: 2 });
    expect(names(removeStep(three, second))).toEqual(["sepia", "bw"]);
  });

  it("says which step still needs its picture", () => {
    const logo = filter("logo", { image: { type: "string", format: "asset", default: "" }, size: { type: "number" } });
    const steps = [sepia, logo, logo].reduce<Step[]>(addStep, []);
    const catalog = [sepia, logo];
    expect(withoutPicture(steps, catalog)).toBe(2);
    const chosen = changeStep(steps, steps[1]?.id ?? 0, { image: "asset-1" });
    expect(withoutPicture(chosen, catalog)).toBe(3);
    expect(withoutPicture(three, [sepia, blur, bw])).toBeNull();
  });

  it("comes back from the API's form, by alias too, without filters that are gone", () => {
    const steps = fromJson([{ filter: "desenfoque", radius: 5 }, { filter: "vanished" }, { filter: "blur" }], [blur]);
    expect(toJson(steps)).toEqual([
      { filter: "blur", radius: 5 },
      { filter: "blur", radius: 2 },
    ]);
  });
});
