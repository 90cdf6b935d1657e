import { useTranslation } from "react-i18next";
import type { TimelineEntry } from "../api/types";
import { useLanguage } from "../i18n";
import { en } from "../i18n/en";
import { clock, duration } from "../ui/format";
import classes from "./Timeline.module.css";

type EventWord = keyof typeof en.studio.event;

/** The cluster may learn words that this page does not know; those are shown as they come. */
function isKnown(event: string): event is EventWord {
  return Object.hasOwn(en.studio.event, event);
}

/** A job's history, folded away until it is asked for. */
export function Timeline({ entries }: { entries: readonly TimelineEntry[] }) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const start = entries[0]?.at ?? 0;
  return (
    <details className={classes.timeline} data-testid="timeline">
      <summary>{t("studio.job.timeline")}</summary>
      <ol>
        {entries.map((entry, index) => (
          <li key={`${entry.at}-${index}`}>
            <time dateTime={new Date(entry.at * 1000).toISOString()}>{clock(entry.at, language)}</time>
            <span className={classes.offset}>+{duration(entry.at - start, language)}</span>
            <span>
              {isKnown(entry.event) ? t(`studio.event.${entry.event}`) : entry.event}
              {entry.node && ` · ${entry.node}`}
              {entry.detail && <span lang="en"> · {entry.detail}</span>}
            </span>
          </li>
        ))}
      </ol>
    </details>
  );
}
