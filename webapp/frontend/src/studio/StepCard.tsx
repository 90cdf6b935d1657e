import { ActionIcon, UnstyledButton } from "@mantine/core";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { FilterInfo } from "../api/types";
import { useLanguage } from "../i18n";
import { CloseIcon, DownIcon, UpIcon } from "../ui/icons";
import { FieldControl } from "./FieldControl";
import classes from "./PipelineBuilder.module.css";
import { type Field, fieldsOf } from "./schema";

/** One step of the pipeline: its place, its buttons, its settings. Alt with an arrow key moves it too. */
export function StepCard(props: {
  /** From 1. */
  position: number;
  total: number;
  filter: FilterInfo;
  params: Record<string, unknown>;
  onChange: (params: Record<string, unknown>) => void;
  onMove: (offset: -1 | 1) => void;
  onRemove: () => void;
}) {
  const { t } = useTranslation();
  const [language] = useLanguage();
  const { position, total, filter } = props;
  const card = useRef<HTMLLIElement>(null);
  const focusAfterMove = useRef<"up" | "down" | null>(null);
  const name = filter.label[language];
  const fields = fieldsOf(filter.schema);
  const advanced = fields.filter((field) => field.advanced);
  const [open, setOpen] = useState(() => advanced.some(({ name, value }) => (props.params[name] ?? value) !== value));

  // A moved element loses the focus, and at the end of the list its button is disabled: keep the keyboard on this step.
  useEffect(() => {
    const wanted = focusAfterMove.current;
    if (wanted === null) return;
    focusAfterMove.current = null;
    const button = (action: string) =>
      card.current?.querySelector<HTMLButtonElement>(`[data-action=${action}]:not(:disabled)`);
    (button(wanted) ?? button(wanted === "up" ? "down" : "up"))?.focus();
  }, [position]);

  const move = (offset: -1 | 1) => {
    if (position + offset < 1 || position + offset > total) return;
    focusAfterMove.current = offset < 0 ? "up" : "down";
    props.onMove(offset);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    event.preventDefault();
    move(event.key === "ArrowUp" ? -1 : 1);
  };

  const control = (field: Field) => (
    <FieldControl
      key={field.name}
      field={field}
      value={props.params[field.name] ?? field.value}
      testId={`step-${position}-${field.name}`}
      onChange={(value) => props.onChange({ [field.name]: value })}
    />
  );

  return (
    <li
      ref={card}
      className={classes.step}
      aria-label={t("studio.pipeline.step", { position, name })}
      data-testid={`step-${position}`}
      data-filter={filter.name}
      onKeyDown={onKeyDown}
    >
      <div className={classes.head}>
        <span className={classes.position} aria-hidden="true">
          {position}
        </span>
        <span className={classes.label}>{name}</span>
        <div className={classes.buttons}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="md"
            className={classes.button}
            data-action="up"
            disabled={position === 1}
            aria-label={t("studio.pipeline.up", { name })}
            onClick={() => move(-1)}
          >
            <UpIcon size={16} />
          </ActionIcon>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="md"
            className={classes.button}
            data-action="down"
            disabled={position === total}
            aria-label={t("studio.pipeline.down", { name })}
            onClick={() => move(1)}
          >
            <DownIcon size={16} />
          </ActionIcon>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="md"
            className={classes.button}
            data-action="remove"
            aria-label={t("studio.pipeline.remove", { name })}
            onClick={props.onRemove}
          >
            <CloseIcon size={16} />
          </ActionIcon>
        </div>
      </div>
      {fields.length > 0 && (
        <div className={classes.fields}>
          {fields.filter((field) => !field.advanced).map(control)}
          {advanced.length > 0 && (
            <UnstyledButton
              className={classes.more}
              aria-expanded={open}
              aria-label={t("studio.pipeline.advancedOf", { name })}
              data-testid={`step-${position}-advanced`}
              onClick={() => setOpen(!open)}
            >
              {t("studio.pipeline.advanced")}
              <DownIcon size={14} className={classes.moreIcon} />
            </UnstyledButton>
          )}
          {open && advanced.map(control)}
        </div>
      )}
    </li>
  );
}
