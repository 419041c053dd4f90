/** Fields that the catalogs of methods and algorithms know more of than the schema. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { algorithmsQuery, methodsQuery } from "@/api/queries";
import { algorithmValue, type KnownValue, methodsIn, sentence } from "../spec/catalog";
import { readGranularity } from "../spec/granularity";
import { getAt } from "../spec/paths";
import { helpOf } from "../spec/schema";
import { type FieldProps, type Form, useField, useForm } from "./form";
import { ChoiceInput } from "./inputs";
import { ParametersField } from "./ParametersField";
import { Row } from "./Row";
import { ValueField } from "./SchemaField";
import { ValuesField } from "./ValuesField";

function useMethods() {
  const { data } = useQuery(methodsQuery);
  const form = useForm();
  return { known: data?.methods ?? [], chosen: methodsIn(form.value, data?.methods ?? []) };
}

function MethodField({ path, schema, label }: FieldProps) {
  const { value, set, id, problems } = useField(path);
  const { known } = useMethods();
  const several = getAt(useForm().value, ["merge", "methods"]) !== undefined;
  const method = known.find((one) => one.name === value);
  const note = method ? (
    <>
      {method.summary}{" "}
      <Link to="/methods/$name" params={{ name: method.name }}>
        About {method.name}
      </Link>
    </>
  ) : (
    helpOf(schema)
  );
  return (
    <Row
      id={id}
      label={label}
      required={!several}
      problems={problems}
      help={several && value === undefined ? "The search chooses from the methods below." : note}
    >
      {(control) => (
        <ChoiceInput
          control={control}
          value={value}
          set={set}
          choices={known.map((one) => one.name)}
          left={undefined}
        />
      )}
    </Row>
  );
}

function GranularityField(props: FieldProps) {
  const { value } = useField(props.path);
  return <ValueField {...props} note={readGranularity(typeof value === "string" ? value : "global")} />;
}

function MergeParameters(props: FieldProps) {
  return <ParametersField {...props} methods={useMethods().chosen} />;
}

function MergeOptions(props: FieldProps) {
  const { chosen } = useMethods();
  const known = new Map<string, KnownValue>();
  for (const { name, doc, choices, default: left } of chosen.flatMap((method) => method.options))
    known.set(name, { name, doc, choices, left, kind: typeof left === "number" ? "number" : "text" });
  const of = chosen.length === 0 ? null : chosen.map((method) => method.name).join(" and ");
  return <ValuesField {...props} known={[...known.values()]} of={of} />;
}

function useAlgorithms() {
  const { data } = useQuery(algorithmsQuery);
  const chosen = getAt(useForm().value, ["search", "algorithm"]) ?? "auto";
  const known = data?.algorithms ?? [];
  return { known, chosen: known.find((one) => one.name === chosen) };
}

function AlgorithmField({ path, schema, label }: FieldProps) {
  const { value, set, id, problems } = useField(path);
  const { known, chosen } = useAlgorithms();
  return (
    <Row
      id={id}
      label={label}
      problems={problems}
      help={chosen ? `${sentence(chosen.summary)}.` : helpOf(schema)}
    >
      {(control) => (
        <ChoiceInput
          control={control}
          value={value}
          set={set}
          choices={known.map((one) => one.name)}
          left="auto"
        />
      )}
    </Row>
  );
}

function SearchOptions(props: FieldProps) {
  const { chosen } = useAlgorithms();
  return (
    <ValuesField {...props} known={chosen?.options.map(algorithmValue) ?? []} of={chosen?.name ?? null} />
  );
}

export const CUSTOM: Form["custom"] = {
  "merge.method": MethodField,
  "merge.granularity": GranularityField,
  "merge.parameters": MergeParameters,
  "merge.options": MergeOptions,
  "search.algorithm": AlgorithmField,
  "search.options": SearchOptions,
};
