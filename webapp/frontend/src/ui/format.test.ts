import { describe, expect, it } from "vitest";
import { byName, bytes, duration, number } from "./format";

describe("bytes", () => {
  it("keeps two or three digits and the right unit", () => {
    expect(bytes(820, "en")).toBe("820 B");
    expect(bytes(2_400_000, "en")).toBe("2.4 MB");
    expect(bytes(999_600, "en")).toBe("1 MB");
    expect(bytes(52_428_800, "en")).toBe("52.4 MB");
    expect(bytes(2_400_000, "es")).toBe("2,4 MB");
  });
});

describe("duration", () => {
  it("goes from milliseconds to days without a gap", () => {
    expect(duration(0.048, "en")).toBe("48 ms");
    expect(duration(0.9996, "en")).toBe("1 s");
    expect(duration(3.21, "en")).toBe("3.2 s");
    expect(duration(90, "en")).toBe("90 s");
    expect(duration(240, "en")).toBe("4 min");
    expect(duration(7200, "en")).toBe("2 h");
    expect(duration(260_000, "en")).toBe("3 d");
  });

  it("says nothing of what is unknown and never goes below zero", () => {
    expect(duration(null, "en")).toBe("–");
    expect(duration(Number.NaN, "en")).toBe("–");
    expect(duration(-0.2, "en")).toBe("0 ms");
  });
});

describe("names", () => {
  it("sort as people count", () => {
    expect(["pc-10", "pc-2", "pc-1"].sort(byName)).toEqual(["pc-1", "pc-2", "pc-10"]);
  });
});

describe("number", () => {
  it("follows the language", () => {
    expect(number(12345.67, "en", 1)).toBe("12,345.7");
    expect(number(12345.67, "es", 1)).toBe("12.345,7");
  });
});
