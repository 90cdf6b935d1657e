import { NativeSelect } from "@mantine/core";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { usePolicy, useSession, useSetPolicy } from "../api/queries";
import type { NodeState, PolicyInfo } from "../api/types";
import { useLanguage } from "../i18n";
import type { en } from "../i18n/en";
import { useLive } from "../live/context";
import { duration, number, sentence } from "../ui/format";
import { useProblemWords } from "../ui/problem";
import classes from "./SummaryLine.module.css";

const states: readonly NodeState[] = ["live", "stale", "paused", "draining", "offline"];

function Figure(props: { label: string; value: ReactNode; note?: ReactNode; testId: string }) {
  return (
    <div className={classes.cell} data-testid={props.testId}>
      <dt className={classes.label}>{props.label}</dt>
      <dd>
        <span className={classes.value}>{props.value}</span>
        {props.note && <span className={classes.note}>{props.note}</span>}
      </dd>
    </div>
  );
}

function PolicySelect() {
  const { t, i18n } = useTranslation();
  const [language] = useLanguage();
  const words = useProblemWords();
  const id = useId();
  const { data } = usePolicy();
  const { data: session } = useSession();
  const live = useLive((state) => state.summary?.policy ?? null);
  const change = useSetPolicy();
  // Until the live summary says so, the choice is on its way and the select waits.
  const present = (change.isPending ? change.variables : live) ?? data?.policy ?? "";
  const available = data?.available ?? [];
  const chosen = available.find((policy) => policy.name === present);
  const text = (value: string | { en: string; es: string }) => (typeof value === "string" ? value : value[language]);
  const described = (policy: PolicyInfo) =>
    i18n.exists(`cluster.policies.${policy.name}`)
      ? t(`cluster.policies.${policy.name as keyof typeof en.cluster.policies}`)
      : sentence(text(policy.description));
  const names =
    available.some((policy) => policy.name === present) || present === ""
      ? available
      : [{ name: present, description: "" }, ...available];
  return (
    <div className={classes.policy}>
      <label className={classes.label} htmlFor={id}>
        {t("cluster.policy")}
      </label>
      <NativeSelect
        id={id}
        size="xs"
        className={classes.select}
        data-testid="policy-select"
        value={present}
        disabled={data === undefined || change.isPending || session?.role !== "operator"}
        data={names.map((policy) => policy.name)}
        onChange={(event) => change.mutate(event.target.value)}
      />
      {change.error === null ? (
        <span className={classes.note}>{chosen ? described(chosen) : t("cluster.policyHint")}</span>
      ) : (
        <span className={classes.failed} role="alert">
          {t("cluster.policyFailed")}: {words(change.error).detail || words(change.error).title}
        </span>
      )}
    </div>
  );
}

/** The cluster in one line: nodes by state, throughput, what waits, and the policy. */
export function SummaryLine() {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const summary = useLive((state) => state.summary);
  const counts = states.flatMap((state) => {
    const count = summary?.nodes[state] ?? 0;
    return count > 0 || state === "live" ? [{ state, count }] : [];
  });
  return (
    <section className={classes.line} aria-label={t("cluster.summary")} data-testid="summary">
      <dl className={classes.figures}>
        <Figure
          testId="summary-nodes"
          label={t("cluster.nodes")}
          value={
            summary === null
              ? "–"
              : number(
                  states.reduce((sum, state) => sum + (summary.nodes[state] ?? 0), 0),
                  language,
                )
          }
          note={
            summary !== null && (
              <span className={classes.counts}>
                {counts.map(({ state, count }) => (
                  <span key={state} className={classes.count} data-state={count > 0 ? state : undefined}>
                    {t(`cluster.count.${state}`, { count })}
                  </span>
                ))}
              </span>
            )
          }
        />
        <Figure
          testId="summary-rate"
          label={t("cluster.rate")}
          value={
            summary === null ? "–" : number(summary.images_per_minute, language, summary.images_per_minute < 10 ? 1 : 0)
          }
        />
        <Figure
          testId="summary-backlog"
          label={t("cluster.backlog")}
          value={summary === null ? "–" : number(summary.backlog, language)}
          note={
            summary !== null &&
            (summary.backlog > 0 && summary.oldest_age !== null
              ? t("cluster.oldest", { time: duration(summary.oldest_age, language) })
              : t("cluster.backlogEmpty"))
          }
        />
      </dl>
      <PolicySelect />
    </section>
  );
}
