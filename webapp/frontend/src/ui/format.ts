import type { Language } from "../api/types";

const missing = "–";

/** 1234.5 -> "1,234.5" (en) or "1234,5" (es). */
export function number(value: number, language: Language, digits = 0): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

const byteUnits = ["B", "kB", "MB", "GB", "TB"];

/** Bytes in steps of 1000, two or three significant digits: "820 B", "2.4 MB". */
export function bytes(value: number, language: Language): string {
  let unit = 0;
  let amount = value;
  while (amount >= 999.5 && unit < byteUnits.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${number(amount, language, unit > 0 && amount < 99.95 ? 1 : 0)} ${byteUnits[unit]}`;
}

/** A limit on bytes, as the settings have it: "50 MiB". */
export function limit(value: number, language: Language): string {
  return `${number(value / 2 ** 20, language, 1)} MiB`;
}

/** A span of seconds as people say it: "48 ms", "3.2 s", "4 min", "2 h", "3 d". */
export function duration(seconds: number | null | undefined, language: Language): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return missing;
  const span = Math.max(0, seconds);
  if (span < 0.9995) return `${number(span * 1000, language)} ms`;
  if (span < 9.95) return `${number(span, language, 1)} s`;
  if (span < 119.5) return `${number(span, language)} s`;
  if (span < 5_970) return `${number(span / 60, language)} min`;
  if (span < 172_800) return `${number(span / 3600, language)} h`;
  return `${number(span / 86_400, language)} d`;
}

/** How long ago something was: as `duration`, but in tenths of a second where that counts milliseconds. */
export function age(seconds: number, language: Language): string {
  if (seconds >= 0.95) return duration(seconds, language);
  return `${new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(Math.max(0, seconds))} s`;
}

export function percent(value: number, language: Language): string {
  return `${number(value, language)} %`;
}

/** Time of day of an epoch second; with the date when that is not today. */
export function clock(seconds: number, language: Language, now: number = Date.now()): string {
  const at = new Date(seconds * 1000);
  const sameDay = at.toDateString() === new Date(now).toDateString();
  return new Intl.DateTimeFormat(language, {
    ...(sameDay ? {} : { day: "numeric", month: "short" }),
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  }).format(at);
}

export function pixels(width: number, height: number, language: Language): string {
  return `${number(width, language)} × ${number(height, language)}`;
}

/** The server's texts with a capital at the start, as they stand alone here. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Orders names as people do: pc-2 before pc-10. */
export const byName = new Intl.Collator("en", { numeric: true }).compare;
