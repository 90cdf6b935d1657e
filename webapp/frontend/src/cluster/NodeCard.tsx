import { Button } from "@mantine/core";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { type NodeAction, useNodeAction } from "../api/queries";
import type { ClusterNode, NodeState } from "../api/types";
import { useLanguage } from "../i18n";
import { age, number } from "../ui/format";
import { useProblemWords } from "../ui/problem";
import classes from "./NodeCard.module.css";
import { UsageBar } from "./UsageBar";

/** What an operator can do with a node in each state. A node that is only watched takes no orders. */
const actions: Record<NodeState, readonly NodeAction[]> = {
  live: ["pause", "drain"],
  stale: ["pause", "drain"],
  paused: ["resume", "drain"],
  draining: ["resume"],
  offline: ["forget"],
};

/** The state that an action leads to; until the node shows it, the action is pending. */
const leadsTo: Partial<Record<NodeAction, NodeState>> = { pause: "paused", drain: "draining" };

function arrived(action: NodeAction, state: NodeState): boolean {
  const goal = leadsTo[action];
  if (goal !== undefined) return state === goal || state === "offline";
  return action === "resume" && state !== "paused" && state !== "draining";
}

function Actions({ node }: { node: ClusterNode }) {
  const { t } = useTranslation();
  const words = useProblemWords();
  const run = useNodeAction(node.worker_id);
  const asked = run.variables;
  const pending = run.isPending || (run.isSuccess && asked !== undefined && !arrived(asked, node.state));
  const { reset, isSuccess } = run;
  useEffect(() => {
    // The cluster has shown what was asked for, or did not within a few heartbeats: the buttons are free again.
    if (!isSuccess) return;
    const timer = setTimeout(reset, 6_000);
    return () => clearTimeout(timer);
  }, [isSuccess, reset]);
  const possible =
    node.kind === "watched" ? actions[node.state].filter((action) => action === "forget") : actions[node.state];
  if (possible.length === 0) return null;
  return (
    <>
      {run.error !== null && asked !== undefined && (
        <p className={classes.failed} role="alert">
          {t("cluster.node.failed", { action: t(`cluster.node.${asked}`) })}:{" "}
          {words(run.error).detail || words(run.error).title}
        </p>
      )}
      <div className={classes.actions}>
        {possible.map((action) => (
          <Button
            key={action}
            variant="default"
            size="compact-sm"
            className={classes.action}
            data-testid={`${action}-${node.worker_id}`}
            aria-label={t("cluster.node.actionOn", { action: t(`cluster.node.${action}`), node: node.worker_id })}
            loading={pending && asked === action}
            disabled={pending}
            onClick={() => run.mutate(action)}
          >
            {t(`cluster.node.${action}`)}
          </Button>
        ))}
      </div>
    </>
  );
}

function Hint({ node }: { node: ClusterNode }) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const left = node.jobs;
  const since = age(node.age, language);
  switch (node.state) {
    case "stale":
      return <p className={classes.hint}>{t("cluster.node.staleHint", { time: since })}</p>;
    case "offline":
      return <p className={classes.hint}>{t("cluster.node.offlineHint", { time: since })}</p>;
    case "draining":
      return (
        <p className={classes.hint}>{left > 0 ? t("cluster.node.left", { count: left }) : t("cluster.node.drained")}</p>
      );
    default:
      return null;
  }
}

/** One node: its name and state, the four bars, its work, and what an operator can do. */
export function NodeCard({ node, operator }: { node: ClusterNode; operator: boolean }) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const facts: { label: string; value: string; testId: string; raw: number }[] = [
    {
      label: t("cluster.node.processed"),
      value: number(node.tasks_processed, language),
      testId: "tasks-processed",
      raw: node.tasks_processed,
    },
    { label: t("cluster.node.running"), value: number(node.running, language), testId: "running", raw: node.running },
    { label: t("cluster.node.waiting"), value: number(node.waiting, language), testId: "waiting", raw: node.waiting },
    { label: t("cluster.node.cores"), value: number(node.cores, language, 1), testId: "cores", raw: node.cores },
  ];
  const place = [node.host, node.ip].filter((part) => part && part !== node.worker_id).join(" · ");
  return (
    <li className={classes.card} data-testid={`node-${node.worker_id}`} data-state={node.state}>
      <div className={classes.head}>
        <h2 className={classes.name}>{node.worker_id}</h2>
        <span className={classes.state} data-state={node.state}>
          {t(`cluster.state.${node.state}`)}
        </span>
        <p className={classes.place}>
          <span>
            {place}
            {node.kind === "watched" && ` · ${t("cluster.node.watched")}`}
          </span>
          <span className={classes.seen} data-testid="last-seen" data-value={node.age}>
            {t("cluster.node.seen", { time: age(node.age, language) })}
          </span>
        </p>
      </div>
      <div className={classes.bars}>
        <UsageBar name="cpu" label={t("cluster.node.cpu")} value={node.cpu_usage} />
        <UsageBar name="memory" label={t("cluster.node.memory")} value={node.memory_usage} />
        <UsageBar name="disk" label={t("cluster.node.disk")} value={node.disk_usage} />
        <UsageBar name="network" label={t("cluster.node.network")} value={node.network_usage} />
      </div>
      <dl className={classes.facts}>
        {facts.map((fact) => (
          <div key={fact.testId}>
            <dt>{fact.label}</dt>
            <dd data-testid={fact.testId} data-value={fact.raw}>
              {fact.value}
            </dd>
          </div>
        ))}
      </dl>
      <Hint node={node} />
      {operator && <Actions node={node} />}
    </li>
  );
}
