import { describe, expect, it } from "vitest";
import { en } from "./en";
import { es } from "./es";
import { initialLanguage } from "./index";

/** Every text of a language under its full key. */
function texts(tree: object, prefix = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, string][] =>
    typeof value === "string" ? [[prefix + key, value]] : texts(value as object, `${prefix}${key}.`),
  );
}
const english = new Map(texts(en));
const spanish = new Map(texts(es));
const holes = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1]).sort();

describe("the two languages", () => {
  it("have the same keys", () => {
    expect([...spanish.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it("have the same holes in every text", () => {
    for (const [key, text] of english) expect(holes(spanish.get(key) ?? ""), key).toEqual(holes(text));
  });

  it("leave no text empty", () => {
    for (const [key, text] of [...english, ...spanish]) expect(text.trim(), key).not.toBe("");
  });

  it("have both forms of every plural", () => {
    for (const key of english.keys()) {
      if (key.endsWith("_one")) expect(english.has(key.replace(/_one$/, "_other")), key).toBe(true);
    }
  });
});

describe("the first language", () => {
  it("is the stored one, else what the browser prefers, else English", () => {
    expect(initialLanguage("es", ["en-US"])).toBe("es");
    expect(initialLanguage(null, ["es-CR", "en"])).toBe("es");
    expect(initialLanguage(null, ["fr", "es"])).toBe("es");
    expect(initialLanguage(null, ["en-GB", "es"])).toBe("en");
    expect(initialLanguage("xx", ["de"])).toBe("en");
  });
});
