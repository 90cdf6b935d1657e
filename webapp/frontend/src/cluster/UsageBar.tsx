import { useLanguage } from "../i18n";
import { percent } from "../ui/format";
import { fills, toneOf } from "./scale";
import classes from "./UsageBar.module.css";

/** One of a node's four bars; the number stands outside, where a short bar cannot clip it. */
export function UsageBar({ name, label, value }: { name: string; label: string; value: number }) {
  const [language] = useLanguage();
  const shown = Math.min(100, Math.max(0, value));
  const tone = toneOf(value);
  return (
    <div className={classes.row} data-testid={`bar-${name}`} data-value={value} data-tone={tone}>
      <span className={classes.label}>{label}</span>
      <div
        className={classes.track}
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={shown}
      >
        <div className={classes.fill} style={{ width: `${shown}%`, background: fills[tone] }} />
      </div>
      <span className={classes.number}>{percent(value, language)}</span>
    </div>
  );
}
