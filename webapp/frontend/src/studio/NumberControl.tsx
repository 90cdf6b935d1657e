import { NativeSelect, NumberInput, Slider } from "@mantine/core";
import { type KeyboardEvent, useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLanguage } from "../i18n";
import { number } from "../ui/format";
import type { ControlProps } from "./controls";
import classes from "./FieldControl.module.css";
import { converted, lengthIn, type LengthUnit, type NumberField, sliderScale, unitOf } from "./schema";

function NumberSlider(props: {
  field: NumberField & { min: number; max: number };
  value: number;
  /** The value as a screen reader should say it. */
  text: string;
  onChange: (value: number) => void;
}) {
  const { field, value, onChange } = props;
  const [language] = useLanguage();
  const scale = sliderScale(field);
  // The slider's own keys would step evenly over its positions; people expect the parameter's steps.
  const onKeyDown = (event: KeyboardEvent) => {
    const up = event.key === "ArrowRight" || event.key === "ArrowUp";
    const down = event.key === "ArrowLeft" || event.key === "ArrowDown";
    if (event.altKey || (!up && !down)) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.min(field.max, Math.max(field.min, value + (up ? field.step : -field.step)));
    onChange(Number(next.toFixed(field.decimals)));
  };
  return (
    <div onKeyDownCapture={onKeyDown}>
      <Slider
        size="sm"
        className={classes.slider}
        thumbSize={16}
        label={null}
        thumbLabel={field.label[language]}
        thumbValueText={props.text}
        min={0}
        max={scale.positions}
        value={scale.toPosition(value)}
        onChange={(position) => onChange(scale.toValue(position))}
      />
    </div>
  );
}

export function NumberControl({ field, value, testId, onChange }: ControlProps<NumberField>) {
  const id = useId();
  const [language] = useLanguage();
  const label = field.label[language];
  const shown = typeof value === "number" ? value : field.value;
  const { min, max } = field;
  return (
    <div>
      <div className={classes.row}>
        <label htmlFor={id} className={classes.label} title={field.help?.[language]}>
          {label}
        </label>
        <NumberInput
          id={id}
          size="xs"
          className={classes.number}
          data-testid={testId}
          value={shown}
          min={min ?? undefined}
          max={max ?? undefined}
          step={field.step}
          decimalScale={field.decimals}
          suffix={field.unit === "" ? undefined : ` ${field.unit}`}
          clampBehavior="blur"
          decimalSeparator={language === "es" ? "," : "."}
          onChange={(next) => {
            // While a number is being typed the field may be empty or "-": the last whole number stays.
            if (typeof next === "number" && (min === null || next >= min) && (max === null || next <= max))
              onChange(next);
          }}
        />
      </div>
      {field.slider && min !== null && max !== null && (
        <NumberSlider
          field={{ ...field, min, max }}
          value={shown}
          text={`${number(shown, language, field.decimals)} ${field.unit}`.trim()}
          onChange={onChange}
        />
      )}
    </div>
  );
}

/** A number that is a part of the image's size or pixels: its unit can be chosen. */
export function LengthControl({ field, value, testId, onChange }: ControlProps<NumberField>) {
  const { t } = useTranslation();
  const id = useId();
  const [language] = useLanguage();
  const label = field.label[language];
  const current = typeof value === "number" ? value : field.value;
  const [unit, setUnit] = useState<LengthUnit>(current === 0 ? "%" : unitOf(current));
  // Nothing is nothing in either unit; anything else says its own, also when it comes from elsewhere.
  useEffect(() => {
    if (current !== 0) setUnit(unitOf(current));
  }, [current]);
  const scale = lengthIn(unit, field);
  const shown = Number((current * scale.factor).toFixed(scale.decimals));
  const change = (next: number) => onChange(Number((next / scale.factor).toFixed(4)));
  return (
    <div className={classes.row}>
      <label htmlFor={id} className={classes.label} title={field.help?.[language]}>
        {label}
      </label>
      <div className={classes.pair}>
        <NumberInput
          id={id}
          size="xs"
          className={classes.length}
          data-testid={testId}
          value={shown}
          min={scale.min}
          max={scale.max ?? undefined}
          step={scale.step}
          decimalScale={scale.decimals}
          clampBehavior="blur"
          decimalSeparator={language === "es" ? "," : "."}
          onChange={(next) => {
            if (typeof next !== "number" || next < scale.min || (scale.max !== null && next > scale.max)) return;
            if (next !== shown) change(next);
          }}
        />
        <NativeSelect
          size="xs"
          className={classes.unit}
          aria-label={t("studio.field.unit", { name: label })}
          value={unit}
          data={["%", "px"]}
          onChange={(event) => {
            const to = event.target.value as LengthUnit;
            setUnit(to);
            if (current !== 0) onChange(converted(current, to));
          }}
        />
      </div>
    </div>
  );
}
