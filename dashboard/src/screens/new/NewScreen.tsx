import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { experimentQuery, experimentsQuery } from "@/api/queries";
import { PageHead } from "@/parts/PageHead";
import { Picker } from "@/parts/Picker";
import { Empty, ErrorNotice, Loading } from "@/parts/states";
import { useMay } from "@/session/useScope";
import { Editor } from "./Editor";
import { type Json, type JsonObject, setAt } from "./spec/paths";
import { withoutDefaults } from "./spec/transform";
import { readYaml } from "./spec/yaml";
import { TEMPLATES } from "./templates/templates";

/** What a new experiment begins with. */
interface Start {
  name: string;
  spec: JsonObject;
  text: string;
}

const EMPTY: JsonObject = { tasks: [{}], search: { budget: {} } };

/** Write a spec, see what it would take, and submit it. */
export default function NewScreen() {
  const may = useMay("run");
  const search = useSearch({ from: "/experiments/new" });
  const { start, error } = useStart(search);
  if (!may)
    return (
      <>
        <PageHead title="New experiment" />
        <Empty title="Your token may look, but not start experiments">
          <p>A token with the scope run can. Who administers the server can make you one.</p>
        </Empty>
      </>
    );
  return (
    <>
      <PageHead
        title="New experiment"
        below="What to merge, for which tasks, and for how long to search. Nothing is spent before you submit."
        actions={<StartPicker name={startName(search)} />}
      />
      {error ? <ErrorNotice error={error} /> : null}
      {start ? (
        <Editor key={start.name} start={start.name} begin={start.spec} text={start.text} />
      ) : error ? null : (
        <Loading what="what to begin with" />
      )}
    </>
  );
}

interface Search {
  from?: string;
  template?: string;
  method?: string;
}

function startName({ from, template, method }: Search): string {
  if (from) return `from:${from}`;
  return template ? `template:${template}` : method ? `method:${method}` : "";
}

function useStart(search: Search): { start: Start | null; error: Error | null } {
  const { from, template, method } = search;
  const name = startName(search);
  const past = useQuery({
    ...experimentQuery(from ?? ""),
    enabled: from !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const chosen = TEMPLATES.find((one) => one.name === template);
  const [read, setRead] = useState<Start | null>(null);
  useEffect(() => {
    if (chosen === undefined) return;
    let gone = false;
    void readYaml(chosen.text).then((found) => {
      if (!gone && "spec" in found)
        setRead({ name: `template:${chosen.name}`, spec: found.spec, text: chosen.text });
    });
    return () => {
      gone = true;
    };
  }, [chosen]);
  if (from)
    return { start: past.data ? { name, spec: recorded(past.data), text: "" } : null, error: past.error };
  if (template && !chosen) return { start: null, error: new Error(`There is no template "${template}".`) };
  if (template) return { start: read?.name === name ? read : null, error: null };
  return { start: { name, spec: { ...EMPTY, merge: method ? { method } : {} }, text: "" }, error: null };
}

/** A past experiment's spec, with the budget that it had in the end. */
function recorded(detail: { spec: Record<string, unknown>; budget: Record<string, unknown> }): JsonObject {
  const spec = detail.spec as JsonObject;
  const budget = detail.budget as Json;
  return withoutDefaults((setAt(spec, ["search", "budget"], budget) ?? spec) as JsonObject);
}

/** Templates and past experiments to begin with. */
function StartPicker({ name }: { name: string }) {
  const navigate = useNavigate();
  const recent = useInfiniteQuery(experimentsQuery({ limit: 30 })).data?.pages[0]?.experiments ?? [];
  const [, id] = name.match(/^from:(.*)$/) ?? [];
  return (
    <Picker
      label="Begin with"
      value={name}
      onChange={(value) => {
        const [kind, rest] = [value.slice(0, value.indexOf(":")), value.slice(value.indexOf(":") + 1)];
        void navigate({
          to: "/experiments/new",
          search: kind === "from" ? { from: rest } : kind === "template" ? { template: rest } : {},
        });
      }}
    >
      <option value="">an empty form</option>
      {name.startsWith("method:") ? <option value={name}>{name.slice("method:".length)}</option> : null}
      <optgroup label="Templates">
        {TEMPLATES.map((one) => (
          <option key={one.name} value={`template:${one.name}`}>
            {one.title}
          </option>
        ))}
      </optgroup>
      <optgroup label="Past experiments">
        {id !== undefined && !recent.some((one) => one.id === id) ? <option value={name}>{id}</option> : null}
        {recent.map((one) => (
          <option key={one.id} value={`from:${one.id}`}>
            {one.name}, {one.id}
          </option>
        ))}
      </optgroup>
    </Picker>
  );
}
