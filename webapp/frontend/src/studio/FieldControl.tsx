import { NativeSelect, NumberInput, Slider, Switch, TextInput } from "@mantine/core";
import { type KeyboardEvent, useId } from "react";
import { useLanguage } from "../i18n";
import { number } from "../ui/format";
import classes from "./FieldControl.module.css";
import { type Field, type NumberField, sliderScale } from "./schema";

interface ControlProps<F extends Field> {
  field: F;
  value: unknown;
  testId: string;
  onChange: (value: unknown) => void;
}

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

function NumberControl({ field, value, testId, onChange }: ControlProps<NumberField>) {
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
      {min !== null && max !== null && (
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

/** The control that fits a parameter, with its label and what the schema says of it. */
export function FieldControl({ field, value, testId, onChange }: ControlProps<Field>) {
  const id = useId();
  const [language] = useLanguage();
  const label = field.label[language];
  switch (field.kind) {
    case "number":
      return <NumberControl field={field} value={value} testId={testId} onChange={onChange} />;
    case "choice":
      return (
        <div className={classes.row}>
          <label htmlFor={id} className={classes.label} title={field.help?.[language]}>
            {label}
          </label>
          <NativeSelect
            id={id}
            size="xs"
            data-testid={testId}
            value={String(value)}
            data={field.options.map((option) => ({ value: String(option), label: String(option) }))}
            onChange={(event) => onChange(field.options.find((option) => String(option) === event.target.value))}
          />
        </div>
      );
    case "switch":
      return (
        <Switch
          size="sm"
          labelPosition="left"
          classNames={{ body: classes.switchBody, label: classes.label }}
          label={label}
          data-testid={testId}
          checked={value === true}
          onChange={(event) => onChange(event.target.checked)}
        />
      );
    case "text":
      return (
        <TextInput
          size="xs"
          label={label}
          data-testid={testId}
          value={String(value)}
          onChange={(event) => onChange(event.target.value)}
        />
      );
  }
}
