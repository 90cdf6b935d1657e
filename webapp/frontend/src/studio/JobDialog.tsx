import { ActionIcon, Button, Modal, SegmentedControl } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { type KeyboardEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { address } from "../api/client";
import { useFilters, useJob, useRetryJob } from "../api/queries";
import type { Job } from "../api/types";
import { useLanguage } from "../i18n";
import { bytes, duration, percent, pixels } from "../ui/format";
import { DownloadIcon, LeftIcon, RetryIcon, RightIcon } from "../ui/icons";
import { Notice } from "../ui/Notice";
import { useProblemWords } from "../ui/problem";
import { Comparison, type CompareMode } from "./Comparison";
import classes from "./JobDialog.module.css";
import { describe } from "./schema";
import { Timeline } from "./Timeline";
import type { Tile } from "./tiles";
import type { BatchOnShow } from "./useBatchView";
import { WhyThisNode } from "./WhyThisNode";

function Facts({ job }: { job: Job }) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const { data: filters } = useFilters();
  const { input, result } = job;
  const change = result === null ? 0 : (100 * (result.bytes - input.bytes)) / input.bytes;
  const steps = job.pipeline.map(({ filter: name, ...params }) => {
    const filter = filters?.find((one) => one.name === name);
    if (filter === undefined) return name;
    const settings = describe(filter, params, language);
    return settings === "" ? filter.label[language] : `${filter.label[language]} (${settings})`;
  });
  const span = (from: number | null, to: number | null) =>
    duration(from === null || to === null ? null : to - from, language);
  const facts: [string, string][] = [
    [
      t("studio.job.size"),
      result === null
        ? bytes(input.bytes, language)
        : `${bytes(input.bytes, language)} → ${bytes(result.bytes, language)}${
            Math.abs(change) < 0.5
              ? ""
              : ` (${t(change < 0 ? "studio.job.smaller" : "studio.job.larger", { percent: percent(Math.abs(change), language) })})`
          }`,
    ],
    [
      t("studio.job.dimensions"),
      `${pixels(input.width, input.height, language)}, ${(result ?? input).format.toUpperCase()}`,
    ],
    [t("studio.job.filters"), steps.join(" → ")],
    [t("studio.job.node"), job.node ?? "–"],
    [t("studio.job.time"), span(job.started_at, job.finished_at)],
    [t("studio.job.wait"), span(job.created_at, job.started_at)],
    ...(job.attempt > 1 ? [[t("studio.job.attempt"), String(job.attempt)] satisfies [string, string]] : []),
  ];
  return (
    <dl className={classes.facts}>
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function JobBody({ job, tile, batch }: { job: Job; tile: Tile | undefined; batch: string | null }) {
  const { t } = useTranslation();
  const words = useProblemWords();
  const retry = useRetryJob(batch);
  const [mode, setMode] = useState<CompareMode>("slider");
  const [unreadable, setUnreadable] = useState(false);
  const done = job.state === "done" && job.result !== null;
  const failed = job.state === "failed" || job.state === "quarantined" || job.state === "cancelled";
  const reason = job.error === null ? null : words(job.error);
  return (
    <>
      <div className={classes.bar}>
        {done && !unreadable && (
          <SegmentedControl
            size="xs"
            aria-label={t("studio.job.view")}
            data-testid="compare-mode"
            value={mode}
            onChange={(value) => setMode(value as CompareMode)}
            data={[
              { value: "slider", label: t("studio.job.slider") },
              { value: "side", label: t("studio.job.sideBySide") },
            ]}
          />
        )}
        <div className={classes.buttons}>
          {failed && (
            <Button
              size="xs"
              variant="default"
              leftSection={<RetryIcon size={15} />}
              loading={retry.isPending}
              data-testid="retry-job"
              onClick={() => retry.mutate(job.id)}
            >
              {t("studio.job.retry")}
            </Button>
          )}
          {done && (
            <Button
              component="a"
              href={address.download(job.id)}
              download
              size="xs"
              leftSection={<DownloadIcon size={16} />}
              data-testid="download"
            >
              {t("studio.job.download")}
            </Button>
          )}
        </div>
      </div>
      {reason !== null && (
        <div className={classes.problem}>
          <Notice tone="bad" title={reason.title} text={reason.detail}>
            {job.error?.step != null && t("studio.job.errorStep", { step: job.error.step })}
          </Notice>
        </div>
      )}
      {retry.error !== null && (
        <div className={classes.problem}>
          <Notice tone="bad" title={words(retry.error).title} text={words(retry.error).detail} role="alert" />
        </div>
      )}
      {!done && !failed && (
        <div className={classes.problem}>
          <Notice
            text={`${t("studio.job.notYet")} ${t(`studio.state.${job.state}`, { node: job.node ?? "" })}.`}
            role="status"
          />
        </div>
      )}
      <Comparison
        job={job}
        original={tile?.original ?? address.input(job.id)}
        mode={unreadable ? "side" : mode}
        onUnreadable={() => setUnreadable(true)}
      />
      <div className={classes.details}>
        <Facts job={job} />
        <WhyThisNode job={job} />
        {job.timeline !== undefined && job.timeline.length > 0 && <Timeline entries={job.timeline} />}
      </div>
    </>
  );
}

/** One photo in full: the result beside its original, its figures, and why it went where it went. */
export default function JobDialog({
  id,
  view,
  onOpen,
}: {
  id: string;
  view: BatchOnShow;
  onOpen: (job: string | null) => void;
}) {
  const { t } = useTranslation();
  const words = useProblemWords();
  const phone = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const tiles = view.tiles.filter((tile) => tile.job !== null);
  const index = tiles.findIndex((tile) => tile.job === id);
  const tile = tiles[index];
  const loaded = useJob(id, tile?.state ?? "");
  // The list has the ended job already; the answer for the single job adds its timeline.
  const job = loaded.data?.id === id ? loaded.data : view.jobs.get(id);
  const at = (offset: number) => tiles[index + offset]?.job ?? null;
  const previous = index < 0 ? null : at(-1);
  const next = index < 0 ? null : at(1);

  const onKeyDown = (event: KeyboardEvent) => {
    // The divider and the switch of views use the arrows themselves.
    if ((event.target as HTMLElement).closest("[role=slider], [role=radiogroup], input")) return;
    const to = event.key === "ArrowLeft" ? previous : event.key === "ArrowRight" ? next : null;
    if (to !== null) onOpen(to);
  };
  return (
    <Modal.Root
      opened
      onClose={() => onOpen(null)}
      size="min(1180px, 94vw)"
      fullScreen={phone}
      centered={!phone}
      transitionProps={{ duration: 120 }}
    >
      <Modal.Overlay backgroundOpacity={0.5} />
      <Modal.Content data-testid="job-dialog" radius="lg" onKeyDown={onKeyDown}>
        <div className={classes.header}>
          <Modal.Title className={classes.title}>{job?.name ?? tile?.name ?? id}</Modal.Title>
          <div className={classes.steps}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("studio.job.previous")}
              disabled={previous === null}
              onClick={() => onOpen(previous)}
            >
              <LeftIcon />
            </ActionIcon>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("studio.job.next")}
              disabled={next === null}
              onClick={() => onOpen(next)}
            >
              <RightIcon />
            </ActionIcon>
            <Modal.CloseButton aria-label={t("studio.job.close")} />
          </div>
        </div>
        <Modal.Body>
          {job !== undefined && <JobBody key={id} job={job} tile={tile} batch={view.id} />}
          {job === undefined && loaded.error !== null && (
            <Notice tone="bad" title={t("studio.job.unavailable")} text={words(loaded.error).detail} role="alert">
              <Button variant="default" size="xs" onClick={() => void loaded.refetch()}>
                {t("app.tryAgain")}
              </Button>
            </Notice>
          )}
          {job === undefined && loaded.error === null && <p className={classes.loading}>{t("app.loading")}</p>}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}
