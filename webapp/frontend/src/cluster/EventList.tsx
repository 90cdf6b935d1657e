import { useTranslation } from "react-i18next";
import type { ClusterEvent, NodeState } from "../api/types";
import { useLanguage } from "../i18n";
import { useLive } from "../live/context";
import { eventTime } from "../live/reducer";
import { Card } from "../ui/Card";
import { clock } from "../ui/format";
import classes from "./EventList.module.css";

const shown = 30;
type NodeNews = NodeState | "stopped" | "forgotten";
const known: ReadonlySet<string> = new Set<NodeNews>([
  "live",
  "stale",
  "paused",
  "draining",
  "offline",
  "stopped",
  "forgotten",
]);

function useEventWords(): (event: ClusterEvent) => string {
  const { t } = useTranslation();
  return (event) => {
    if (event.type === "policy") {
      const policy = event.policy ?? "";
      if (event.follows) return t("cluster.events.follows", { policy, follows: event.follows });
      if (event.detail === policy) return t("cluster.events.weights", { policy });
      return event.detail
        ? t("cluster.events.policyFrom", { policy, before: event.detail })
        : t("cluster.events.policy", { policy });
    }
    const state = event.state ?? "";
    const key = known.has(state) ? (state as NodeNews) : "other";
    return t(`cluster.events.node.${key}`, { node: event.node ?? "", state });
  };
}

/** Nodes that came and went, and changes of policy; newest first. */
export function EventList() {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const words = useEventWords();
  const events = useLive((state) => state.events) ?? [];
  return (
    <Card title={t("cluster.events.title")} testId="events">
      {events.length === 0 ? (
        <p className={classes.empty}>{t("cluster.events.empty")}</p>
      ) : (
        <ol className={classes.list} tabIndex={0} aria-label={t("cluster.events.title")}>
          {events.slice(0, shown).map((event, index) => {
            const at = eventTime(event);
            return (
              <li
                key={event.id ?? index}
                className={classes.event}
                data-type={event.type}
                data-state={event.state ?? undefined}
              >
                {at !== null && <time dateTime={new Date(at * 1000).toISOString()}>{clock(at, language)}</time>}
                <span>
                  {words(event)}
                  {(event.type === "node" || event.follows) && event.detail && (
                    <span className={classes.detail} lang="en">
                      {" · "}
                      {event.detail}
                    </span>
                  )}
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </Card>
  );
}
