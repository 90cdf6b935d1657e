import type { FilterInfo, PipelineStep } from "../api/types";
import { assetOf, defaultsOf } from "./schema";

/** The pipeline under construction. Every function returns a new list; none changes the one given. */

export interface Step {
  /** Of this page alone: tells two steps with the same filter apart while they move. */
  id: number;
  filter: string;
  params: Record<string, unknown>;
}

let lastId = 0;

function newStep(filter: string, params: Record<string, unknown>): Step {
  lastId += 1;
  return { id: lastId, filter, params };
}

export function addStep(steps: readonly Step[], filter: FilterInfo): Step[] {
  return [...steps, newStep(filter.name, defaultsOf(filter.schema))];
}

export function removeStep(steps: readonly Step[], id: number): Step[] {
  return steps.filter((step) => step.id !== id);
}

/** Moves a step by `offset` places; the list as it was when there is no such place. */
export function moveStep(steps: readonly Step[], id: number, offset: number): Step[] {
  const from = steps.findIndex((step) => step.id === id);
  const to = from + offset;
  if (from < 0 || to < 0 || to >= steps.length) return [...steps];
  return steps.toSpliced(from, 1).toSpliced(to, 0, steps[from] as Step);
}

export function changeStep(steps: readonly Step[], id: number, params: Record<string, unknown>): Step[] {
  return steps.map((step) => (step.id === id ? { ...step, params: { ...step.params, ...params } } : step));
}

/** The place, from 1, of the first step that still needs its picture; null where none does. */
export function withoutPicture(steps: readonly Step[], catalog: readonly FilterInfo[]): number | null {
  const index = steps.findIndex((step) => {
    const filter = catalog.find((one) => one.name === step.filter);
    const asset = filter === undefined ? null : assetOf(filter.schema);
    return asset !== null && (step.params[asset] ?? "") === "";
  });
  return index < 0 ? null : index + 1;
}

/** As the API takes it. */
export function toJson(steps: readonly Step[]): PipelineStep[] {
  return steps.map((step) => ({ ...step.params, filter: step.filter }));
}

/** Steps from the API's form, with defaults for what it leaves out; filters not in the catalog are dropped. */
export function fromJson(pipeline: readonly PipelineStep[], catalog: readonly FilterInfo[]): Step[] {
  return pipeline.flatMap(({ filter: name, ...params }) => {
    const filter = catalog.find((one) => one.name === name || one.aliases.includes(name));
    return filter === undefined ? [] : [newStep(filter.name, { ...defaultsOf(filter.schema), ...params })];
  });
}
