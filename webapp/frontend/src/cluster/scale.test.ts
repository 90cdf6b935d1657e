import { describe, expect, it } from "vitest";
import { fills, toneOf, tones } from "./scale";

describe("the report's scale", () => {
  it("changes tone at 10, 40, 70 and 80 percent", () => {
    const at = [0, 9.99, 10, 39.9, 40, 69.9, 70, 79.9, 80, 100];
    expect(at.map(toneOf)).toEqual([
      "blue",
      "blue",
      "green",
      "green",
      "yellow",
      "yellow",
      "orange",
      "orange",
      "red",
      "red",
    ]);
  });

  it("has five tones that look apart", () => {
    const channels = (hex: string) => [1, 3, 5].map((start) => Number.parseInt(hex.slice(start, start + 2), 16) / 255);
    /** CIE L*a*b* of an sRGB colour (D65). */
    const lab = (hex: string): number[] => {
      const [r, g, b] = channels(hex).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as [
        number,
        number,
        number,
      ];
      const f = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
      const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
      const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
      const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
      return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
    };
    const distance = (one: string, other: string) =>
      Math.hypot(...lab(one).map((value, axis) => value - (lab(other)[axis] ?? 0)));
    for (const one of tones) {
      for (const other of tones) {
        // Two colours 2.3 apart can just be told from each other side by side.
        if (one !== other) expect(distance(fills[one], fills[other]), `${one} and ${other}`).toBeGreaterThan(35);
      }
    }
  });
});
