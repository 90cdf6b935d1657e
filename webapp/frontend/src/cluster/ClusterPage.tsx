import { Anchor } from "@mantine/core";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/queries";
import { useFeed, useLive } from "../live/context";
import { PageHead } from "../ui/Card";
import { LinkOutIcon } from "../ui/icons";
import { Notice } from "../ui/Notice";
import classes from "./ClusterPage.module.css";
import { EventList } from "./EventList";
import { NodeCard } from "./NodeCard";
import { SummaryLine } from "./SummaryLine";

const joinCommand = "cumulo worker --name pc-2 --redis redis://HOST:6379/0";

function Nodes() {
  const { t } = useTranslation();
  const nodes = useLive((state) => state.nodes);
  const offline = useLive((state) => state.connection === "offline");
  const { data: session } = useSession();
  if (nodes === null) {
    return offline ? (
      <Notice tone="bad" title={t("cluster.unavailable")} text={t("connection.offline")} role="alert" />
    ) : (
      <p className={classes.loading}>{t("app.loading")}</p>
    );
  }
  if (nodes.length === 0) {
    return (
      <Notice title={t("cluster.empty")} text={t("cluster.emptyHint")}>
        <code className={classes.command}>{joinCommand}</code>
      </Notice>
    );
  }
  return (
    <ul className={classes.grid}>
      {nodes.map((node) => (
        <NodeCard key={node.worker_id} node={node} operator={session?.role === "operator"} />
      ))}
    </ul>
  );
}

/** Every node of the cluster, what it does and what can be done with it. */
export default function ClusterPage() {
  const { t } = useTranslation();
  const feed = useFeed();
  const { data: session } = useSession();
  useEffect(() => feed.wantDetail(), [feed]);
  return (
    <>
      <PageHead title={t("cluster.title")} subtitle={t("cluster.subtitle")}>
        {session?.flower_url && (
          <Anchor
            href={session.flower_url}
            target="_blank"
            rel="noreferrer"
            className={classes.flower}
            data-testid="flower"
          >
            {t("cluster.flower")} <LinkOutIcon size={15} />
          </Anchor>
        )}
      </PageHead>
      <div className={classes.stack}>
        <SummaryLine />
        <section aria-label={t("cluster.nodes")}>
          <Nodes />
        </section>
        <EventList />
      </div>
    </>
  );
}
