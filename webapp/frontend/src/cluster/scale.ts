/** The report's scale for the bars: a usage in percent to one of five tones. */

export const tones = ["blue", "green", "yellow", "orange", "red"] as const;
export type Tone = (typeof tones)[number];

export function toneOf(percent: number): Tone {
  if (percent < 10) return "blue";
  if (percent < 40) return "green";
  if (percent < 70) return "yellow";
  if (percent < 80) return "orange";
  return "red";
}

/** Fills that stay apart from each other at a glance; Mantine's own yellow and orange do not. */
export const fills: Record<Tone, string> = {
  blue: "#3b82f6",
  green: "#22a565",
  yellow: "#f5cc14",
  orange: "#f08218",
  red: "#cf2436",
};
