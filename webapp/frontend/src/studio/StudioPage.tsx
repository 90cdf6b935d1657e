import { lazy, Suspense, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useFilters, useSession } from "../api/queries";
import { useLive } from "../live/context";
import { PageHead } from "../ui/Card";
import { Notice } from "../ui/Notice";
import { useStore } from "../ui/store";
import { BatchPanel } from "./BatchPanel";
import { ChosenPhotos } from "./ChosenPhotos";
import { useStudio } from "./context";
import { DropZone } from "./DropZone";
import { fromJson } from "./pipeline";
import { PipelineBuilder } from "./PipelineBuilder";
import { ProcessPanel } from "./ProcessPanel";
import classes from "./StudioPage.module.css";
import { useFileDrop } from "./useFileDrop";
import { useBatchView } from "./useBatchView";

const JobDialog = lazy(() => import("./JobDialog"));

/** Keeps `?batch=` and the batch on show the same, whichever of them changes. */
function useBatchInUrl(): void {
  const studio = useStudio();
  const { batch } = useStore(studio);
  const [params, setParams] = useSearchParams();
  const inUrl = params.get("batch");
  const arrived = useRef(false);

  useEffect(() => {
    // On arrival the address wins; afterwards it follows.
    if (!arrived.current) {
      arrived.current = true;
      if (inUrl !== null) {
        studio.show(inUrl);
        return;
      }
    }
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (batch === null) next.delete("batch");
        else next.set("batch", batch);
        if (old.get("batch") !== batch) next.delete("job");
        return next;
      },
      { replace: true },
    );
    // Only a change of the batch on show may write the address.
  }, [batch]);

  useEffect(() => {
    if (inUrl !== null && inUrl !== studio.getState().batch) studio.show(inUrl);
    // Only a change of the address may choose the batch.
  }, [inUrl]);
}

export function StudioPage() {
  const { t } = useTranslation();
  const studio = useStudio();
  const state = useStore(studio);
  const { data: session } = useSession();
  const liveNodes = useLive((live) => (live.summary === null ? null : (live.summary.nodes.live ?? 0)));
  const dragging = useFileDrop((files) => studio.addFiles(files));
  const view = useBatchView();
  const [params, setParams] = useSearchParams();
  useBatchInUrl();

  const results = useRef<HTMLDivElement>(null);
  const lastRun = useRef(state.run);
  useEffect(() => {
    if (state.run !== lastRun.current) {
      const top = results.current?.getBoundingClientRect().top ?? 0;
      if (top < 0 || top > window.innerHeight / 2)
        results.current?.scrollIntoView({ block: "start", behavior: "smooth" });
    }
    lastRun.current = state.run;
  }, [state.run]);

  // After a reload the builder starts from the batch's own filters, once.
  const { data: filters } = useFilters();
  const restored = useRef<string | null>(null);
  useEffect(() => {
    if (state.batch === null || view.pipeline === null || filters === undefined || restored.current === state.batch)
      return;
    restored.current = state.batch;
    if (studio.getState().steps.length === 0) studio.setSteps(fromJson(view.pipeline, filters));
  }, [studio, state.batch, view.pipeline, filters]);

  const openJob = (job: string | null) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (job === null) next.delete("job");
        else next.set("job", job);
        return next;
      },
      // Opening is a step that "back" undoes; moving on from photo to photo and closing are not.
      { replace: job === null || params.has("job"), preventScrollReset: true },
    );

  const hasBatch = state.batch !== null || state.uploads.length > 0;
  const job = params.get("job");
  return (
    <>
      <PageHead title={t("studio.title")} subtitle={t("studio.subtitle")} />
      {liveNodes === 0 && (
        <div className={classes.notice}>
          <Notice tone="warn" text={t("studio.process.noNode")} role="status" />
        </div>
      )}
      <div className={classes.columns}>
        <div className={classes.work}>
          <DropZone
            compact={state.chosen.length > 0 || hasBatch}
            dragging={dragging}
            maxBytes={session?.limits.max_bytes ?? null}
            onFiles={(files) => studio.addFiles(files)}
          />
          {(state.chosen.length > 0 || state.duplicates > 0) && <ChosenPhotos />}
          {hasBatch && (
            <div ref={results} className={classes.results}>
              <BatchPanel view={view} onOpen={openJob} />
            </div>
          )}
        </div>
        <div className={classes.side}>
          <PipelineBuilder maxSteps={session?.limits.max_steps ?? null} />
          <ProcessPanel maxBytes={session?.limits.max_bytes ?? Number.POSITIVE_INFINITY} />
        </div>
      </div>
      {dragging && (
        <div className={classes.overlay} aria-hidden="true">
          <span>{t("studio.drop.release")}</span>
        </div>
      )}
      {job !== null && (
        <Suspense>
          <JobDialog id={job} view={view} onOpen={openJob} />
        </Suspense>
      )}
    </>
  );
}
