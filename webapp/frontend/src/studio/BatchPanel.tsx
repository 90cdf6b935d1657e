import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { address } from "../api/client";
import { useFilters } from "../api/queries";
import { useLanguage } from "../i18n";
import { Card } from "../ui/Card";
import { duration, number } from "../ui/format";
import { CloseIcon, DownloadIcon, RetryIcon, StopIcon } from "../ui/icons";
import { Notice } from "../ui/Notice";
import { useProblemWords } from "../ui/problem";
import { useStore } from "../ui/store";
import classes from "./BatchPanel.module.css";
import { useStudio } from "./context";
import { addSample, type Progress, rate, type Sample } from "./progress";
import { ResultGrid } from "./ResultGrid";
import type { BatchOnShow } from "./useBatchView";

/** Photos per second of the batch, measured while it is on show. */
function useRate(batch: string | null, finished: number): number | null {
  const [samples, setSamples] = useState<{ batch: string | null; list: readonly Sample[] }>({ batch, list: [] });
  useEffect(() => {
    const take = () =>
      setSamples((old) => ({
        batch,
        list: addSample(old.batch === batch ? old.list : [], { at: performance.now(), finished }),
      }));
    take();
    // Also while nothing finishes, or a standstill would keep the last rate for ever.
    const timer = setInterval(take, 1_000);
    return () => clearInterval(timer);
  }, [batch, finished]);
  return rate(samples.list);
}

function ProgressPanel({ batch, progress }: { batch: string | null; progress: Progress }) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const perSecond = useRate(batch, progress.processed + progress.failed);
  const { total, uploaded, processed, failed, cancelled, finished } = progress;
  const share = (count: number) => (total === 0 ? 0 : (100 * count) / total);
  const left = perSecond === null ? null : (total - processed - failed - cancelled) / perSecond;

  let status = progress.sending > 0 ? t("studio.batch.uploading") : t("studio.batch.processing");
  if (finished) {
    const lost = total - processed;
    status =
      lost === 0
        ? t("studio.batch.finished")
        : t("studio.batch.finishedSome", { failed: number(lost, language), total: number(total, language) });
  }
  const figures = [
    { label: t("studio.batch.uploaded"), count: uploaded, of: total, tone: undefined },
    { label: t("studio.batch.processed"), count: processed, of: total, tone: undefined },
    { label: t("studio.batch.failed"), count: failed, of: null, tone: failed > 0 ? "bad" : undefined },
    ...(cancelled > 0 ? [{ label: t("studio.batch.cancelled"), count: cancelled, of: null, tone: undefined }] : []),
  ];
  return (
    <div
      className={classes.progress}
      data-testid="progress"
      data-total={total}
      data-uploaded={uploaded}
      data-processed={processed}
      data-failed={failed}
      data-finished={finished}
    >
      <dl className={classes.figures}>
        {figures.map((figure) => (
          <div key={figure.label} className={classes.figure} data-tone={figure.tone}>
            <dt>{figure.label}</dt>
            <dd>
              <span className={classes.count}>{number(figure.count, language)}</span>
              {figure.of !== null && <span className={classes.of}>/ {number(figure.of, language)}</span>}
            </dd>
          </div>
        ))}
      </dl>
      <div
        className={classes.bar}
        role="progressbar"
        aria-label={t("studio.batch.bar")}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={processed}
        aria-valuetext={t("studio.batch.of", { count: processed, total })}
      >
        <span className={classes.done} style={{ width: `${share(processed)}%` }} />
        <span className={classes.lost} style={{ width: `${share(failed)}%` }} />
        <span className={classes.sent} style={{ width: `${share(Math.max(0, uploaded - processed - failed))}%` }} />
      </div>
      <div className={classes.status}>
        <span role="status">{status}</span>
        {!finished && perSecond !== null && (
          <span>
            {t("studio.batch.rate", { rate: number(perSecond, language, perSecond < 10 ? 1 : 0) })}
            {left !== null && left > 1 && ` · ${t("studio.batch.left", { time: duration(left, language) })}`}
          </span>
        )}
      </div>
    </div>
  );
}

/** The batch on show: its progress in one place, what can be done with it, and its photos. */
export function BatchPanel({ view, onOpen }: { view: BatchOnShow; onOpen: (job: string) => void }) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const studio = useStudio();
  const words = useProblemWords();
  const { sent, chosen } = useStore(studio);
  const { data: filters } = useFilters();
  const { progress } = view;
  const again = view.uploads.filter((upload) => upload.state === "failed" || upload.state === "stopped").length;
  const steps = view.pipeline
    ?.map((step) => filters?.find((filter) => filter.name === step.filter)?.label[language] ?? step.filter)
    .join(" → ");
  const close = (
    <Button
      variant="subtle"
      color="gray"
      size="compact-sm"
      className={classes.close}
      leftSection={<CloseIcon size={15} />}
      onClick={() => studio.show(null)}
    >
      {t("studio.batch.close")}
    </Button>
  );

  if (view.error !== null && view.tiles.length === 0) {
    return (
      <Card title={t("studio.batch.title")} actions={close} testId="batch">
        {view.gone ? (
          <Notice title={t("studio.batch.gone")} text={t("studio.batch.goneHint")} role="status" />
        ) : (
          <Notice tone="bad" title={t("studio.batch.unavailable")} text={words(view.error).detail} role="alert">
            <Button variant="default" size="xs" onClick={view.reload}>
              {t("app.tryAgain")}
            </Button>
          </Notice>
        )}
      </Card>
    );
  }
  return (
    <Card title={t("studio.batch.title")} aside={steps} actions={progress.finished && close} testId="batch">
      <ProgressPanel batch={view.id} progress={progress} />
      <div className={classes.actions}>
        {view.id !== null && progress.processed > 0 && (
          <Button
            component="a"
            href={address.archive(view.id)}
            download
            variant={progress.finished ? "filled" : "default"}
            size="xs"
            leftSection={<DownloadIcon size={16} />}
            data-testid="download-all"
          >
            {t("studio.batch.downloadAll")}
          </Button>
        )}
        {progress.sending > 0 && (
          <Button
            variant="default"
            size="xs"
            leftSection={<StopIcon size={16} />}
            data-testid="stop"
            onClick={() => studio.stopUploads()}
          >
            {t("studio.batch.stop")}
          </Button>
        )}
        {again > 0 && (
          <Button
            variant="default"
            size="xs"
            leftSection={<RetryIcon size={15} />}
            data-testid="retry-uploads"
            onClick={() => studio.retryUploads()}
          >
            {t("studio.batch.retry", { count: again })}
          </Button>
        )}
        {progress.finished && sent.length > 0 && chosen.length === 0 && (
          <Button variant="default" size="xs" data-testid="choose-again" onClick={() => studio.chooseAgain()}>
            {t("studio.batch.again")}
          </Button>
        )}
      </div>
      <ResultGrid tiles={view.tiles} total={progress.total} onOpen={onOpen} />
    </Card>
  );
}
