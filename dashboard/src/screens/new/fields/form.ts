/** The spec that is edited, for every field below. */
import { type ComponentType, createContext, useContext } from "react";
import { formatPath, getAt, type Json, type JsonObject, type Path } from "../spec/paths";
import type { Schema } from "../spec/schema";

export interface FieldProps {
  path: Path;
  schema: Schema;
  label: string;
  required: boolean;
}

export interface Form {
  value: JsonObject;
  change(path: Path, value: Json | undefined): void;
  /** What is wrong, by the place that shows it. */
  problems: ReadonlyMap<string, readonly string[]>;
  /** Fields that know more than the schema does, by their place. */
  custom: Readonly<Record<string, ComponentType<FieldProps>>>;
}

export const FormContext = createContext<Form | null>(null);

export function useForm(): Form {
  const form = useContext(FormContext);
  if (form === null) throw new Error("a field stands outside of the form");
  return form;
}

export function useField(path: Path) {
  const form = useForm();
  const place = formatPath(path);
  return {
    value: getAt(form.value, path),
    set: (value: Json | undefined) => form.change(path, value),
    id: idOf(place),
    problems: form.problems.get(place) ?? [],
  };
}

/** The id of the element that shows a place. */
export const idOf = (place: string): string => `spec-${encodeURIComponent(place)}`;
