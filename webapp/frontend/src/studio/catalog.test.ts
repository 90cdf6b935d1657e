import { describe, expect, it } from "vitest";
import type { Category, FilterInfo } from "../api/types";
import { grouped } from "./catalog";

const filter = (name: string, en: string, es: string, category: Category, aliases: string[] = []): FilterInfo => ({
  name,
  aliases,
  label: { en, es },
  description: { en: `${en} it`, es: `Más ${es}` },
  category,
  schema: {},
});
const filters = [
  filter("sharpen", "Sharpen", "Enfocar", "detail", ["nitidez"]),
  filter("blur", "Blur", "Desenfoque", "detail"),
  filter("crop", "Crop", "Recortar", "shape"),
  filter("saturation", "Saturation", "Saturación", "colour"),
  filter("sepia", "Sepia", "Sepia", "colour"),
];
const names = (query: string, language: "en" | "es" = "en") =>
  grouped(filters, query, language).flatMap((group) => group.filters.map((one) => one.name));

describe("the list of filters", () => {
  it("has every filter under its heading, by the name that the reader knows", () => {
    expect(grouped(filters, "", "en").map((group) => group.category)).toEqual(["colour", "detail", "shape"]);
    expect(names("")).toEqual(["saturation", "sepia", "blur", "sharpen", "crop"]);
    expect(names("", "es").slice(2, 4)).toEqual(["blur", "sharpen"]);
  });

  it("is searched in both languages, by aliases too, without case and accents", () => {
    expect(names("SATURACION")).toEqual(["saturation"]);
    expect(names("nitidez")).toEqual(["sharpen"]);
    expect(names("recort")).toEqual(["crop"]);
    expect(names("blur it")).toEqual(["blur"]);
    expect(names("nothing of that name")).toEqual([]);
  });

  it("begins with what begins as asked, under whatever heading", () => {
    const duotone = filter("duotone", "Duotone", "Duotono", "colour");
    duotone.description.en = "A colour for the shadows";
    const found = grouped([duotone, ...filters], "sha", "en");
    expect(found.map((group) => [group.category, group.filters[0]?.name])).toEqual([
      ["detail", "sharpen"],
      ["colour", "duotone"],
    ]);
    expect(names("se")[0]).toBe("sepia");
    expect(names("enf", "es")[0]).toBe("sharpen");
  });
});
