import { Button } from "@mantine/core";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useFilters } from "../api/queries";
import { useLanguage } from "../i18n";
import { Card } from "../ui/Card";
import { Notice } from "../ui/Notice";
import { useProblemWords } from "../ui/problem";
import { useStore } from "../ui/store";
import { useStudio } from "./context";
import { FilterPicker } from "./FilterPicker";
import classes from "./PipelineBuilder.module.css";
import { addStep, changeStep, moveStep, removeStep } from "./pipeline";
import { StepCard } from "./StepCard";

export function PipelineBuilder({ maxSteps }: { maxSteps: number | null }) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const words = useProblemWords();
  const filters = useFilters();
  const studio = useStudio();
  const { steps } = useStore(studio);
  const [announcement, setAnnouncement] = useState("");
  const list = useRef<HTMLOListElement>(null);
  const full = maxSteps !== null && steps.length >= maxSteps;
  const find = (name: string) => filters.data?.find((filter) => filter.name === name);

  const move = (id: number, offset: number, name: string) => {
    const moved = moveStep(steps, id, offset);
    const position = moved.findIndex((step) => step.id === id) + 1;
    studio.setSteps(moved);
    setAnnouncement(t("studio.pipeline.moved", { name, position, total: moved.length }));
  };
  const remove = (id: number) => {
    const index = steps.findIndex((step) => step.id === id);
    studio.setSteps(removeStep(steps, id));
    // The removed button takes the focus with it: hand it to the step that moved up, or to the last one.
    requestAnimationFrame(() => {
      const cards = list.current?.children;
      const next = cards?.[Math.min(index, cards.length - 1)];
      (
        next?.querySelector<HTMLElement>("[data-action=remove]") ??
        document.querySelector<HTMLElement>("[data-testid=add-filter]")
      )?.focus();
    });
  };

  return (
    <Card title={t("studio.pipeline.title")} testId="pipeline">
      {filters.error !== null && (
        <Notice tone="bad" title={t("app.filters")} text={words(filters.error).detail} role="alert">
          <Button variant="default" size="xs" onClick={() => void filters.refetch()}>
            {t("app.tryAgain")}
          </Button>
        </Notice>
      )}
      {steps.length === 0 && filters.error === null && <p className={classes.empty}>{t("studio.pipeline.empty")}</p>}
      {steps.length > 0 && (
        <ol ref={list} className={classes.steps}>
          {steps.map((step, index) => {
            const filter = find(step.filter);
            if (filter === undefined) return null;
            const name = filter.label[language];
            return (
              <StepCard
                key={step.id}
                position={index + 1}
                total={steps.length}
                filter={filter}
                params={step.params}
                onChange={(params) => studio.setSteps(changeStep(studio.getState().steps, step.id, params))}
                onMove={(offset) => move(step.id, offset, name)}
                onRemove={() => remove(step.id)}
              />
            );
          })}
        </ol>
      )}
      {filters.data !== undefined && (
        <FilterPicker filters={filters.data} full={full} onAdd={(filter) => studio.setSteps(addStep(steps, filter))} />
      )}
      {full && <p className={classes.full}>{t("studio.pipeline.full", { count: maxSteps })}</p>}
      <div className={classes.announce} role="status">
        {announcement}
      </div>
    </Card>
  );
}
