/** Every address of the dashboard. Screens load when they are first shown. */
import {
  createBrowserHistory,
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { prefetchExperiment, prefetchOverview } from "./api/prefetch";
import { snapshot } from "./api/snapshot";
import { ErrorNotice, Loading } from "./parts/states";
import { ROOT } from "./root";
import { NotFound } from "./shell/NotFound";
import { Shell } from "./shell/Shell";

type Text = string | undefined;
/** The router reads ?against=5 as a number, but it is a list of one. */
const text = (value: unknown): Text =>
  value === undefined || value === null || value === "" ? undefined : String(value);
const whole = (value: unknown): number | undefined =>
  Number.isInteger(value) ? (value as number) : undefined;

/** Leaves out what is not set, so that addresses stay short. */
function given<T extends Record<string, unknown>>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** What a screen shows first is asked for while its code loads; for a link that is only pointed at, it is not. */
interface Coming {
  params: { id: string };
  preload: boolean;
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    if (snapshot !== null) throw redirect({ to: "/experiments/$id", params: { id: snapshot.experiment } });
    throw redirect({ to: "/experiments" });
  },
});

const experiments = createRoute({
  getParentRoute: () => root,
  path: "/experiments",
  /** `ids`: those that are picked to be compared. */
  validateSearch: (search) =>
    given({
      q: text(search.q),
      state: text(search.state),
      owner: text(search.owner),
      ids: text(search.ids),
    }),
  component: lazyRouteComponent(() => import("./screens/experiments/ExperimentsScreen")),
});

const create = createRoute({
  getParentRoute: () => root,
  path: "/experiments/new",
  /** What the form starts with. `from`: an experiment. `template`: one of its own. `method`: a merge method. */
  validateSearch: (search) =>
    given({ from: text(search.from), template: text(search.template), method: text(search.method) }),
  component: lazyRouteComponent(() => import("./screens/new/NewScreen")),
});

const experiment = createRoute({
  getParentRoute: () => root,
  path: "/experiments/$id",
  loader: ({ params: { id }, preload }: Coming): void => {
    if (!preload) prefetchExperiment(id);
  },
  component: lazyRouteComponent(() => import("./screens/experiment/ExperimentScreen")),
});

const overview = createRoute({
  getParentRoute: () => experiment,
  path: "/",
  loader: ({ params: { id }, preload }: Coming): void => {
    if (!preload) prefetchOverview(id);
  },
  component: lazyRouteComponent(() => import("./screens/experiment/OverviewTab")),
});
const candidates = createRoute({
  getParentRoute: () => experiment,
  path: "candidates",
  validateSearch: (search) =>
    given({ order: text(search.order), kind: text(search.kind), state: text(search.state) }),
  component: lazyRouteComponent(() => import("./screens/experiment/CandidatesTab")),
});
const candidate = createRoute({
  getParentRoute: () => experiment,
  path: "candidates/$number",
  /** What its items are compared with, and which of them are shown. */
  validateSearch: (search) =>
    given({
      against: text(search.against),
      split: text(search.split),
      task: text(search.task),
      only: text(search.only),
    }),
  component: lazyRouteComponent(() => import("./screens/experiment/CandidateTab")),
});
const coefficients = createRoute({
  getParentRoute: () => experiment,
  path: "coefficients",
  component: lazyRouteComponent(() => import("./screens/experiment/CoefficientsTab")),
});
const dynamics = createRoute({
  getParentRoute: () => experiment,
  path: "dynamics",
  component: lazyRouteComponent(() => import("./screens/experiment/DynamicsTab")),
});
const generalisation = createRoute({
  getParentRoute: () => experiment,
  path: "generalisation",
  component: lazyRouteComponent(() => import("./screens/experiment/GeneralisationTab")),
});
const workers = createRoute({
  getParentRoute: () => experiment,
  path: "workers",
  component: lazyRouteComponent(() => import("./screens/experiment/WorkersTab")),
});
const lineage = createRoute({
  getParentRoute: () => experiment,
  path: "lineage",
  component: lazyRouteComponent(() => import("./screens/experiment/LineageTab")),
});
const log = createRoute({
  getParentRoute: () => experiment,
  path: "log",
  /** Kinds with commas between them, and which page: the entries in front of one, or behind one. */
  validateSearch: (search) =>
    given({ kind: text(search.kind), before: whole(search.before), after: whole(search.after) }),
  component: lazyRouteComponent(() => import("./screens/experiment/LogTab")),
});
const configuration = createRoute({
  getParentRoute: () => experiment,
  path: "configuration",
  component: lazyRouteComponent(() => import("./screens/experiment/ConfigurationTab")),
});

const compare = createRoute({
  getParentRoute: () => root,
  path: "/compare",
  /** `ids`: up to six, with commas between them. */
  validateSearch: (search) => given({ ids: text(search.ids) }),
  component: lazyRouteComponent(() => import("./screens/compare/CompareScreen")),
});
const models = createRoute({
  getParentRoute: () => root,
  path: "/models",
  component: lazyRouteComponent(() => import("./screens/catalog/ModelsScreen")),
});
const tasks = createRoute({
  getParentRoute: () => root,
  path: "/tasks",
  component: lazyRouteComponent(() => import("./screens/catalog/TasksScreen")),
});
const methods = createRoute({
  getParentRoute: () => root,
  path: "/methods",
  component: lazyRouteComponent(() => import("./screens/catalog/MethodsScreen")),
});
const method = createRoute({
  getParentRoute: () => root,
  path: "/methods/$name",
  component: lazyRouteComponent(() => import("./screens/catalog/MethodScreen")),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("./screens/settings/SettingsScreen")),
});

export const routes = root.addChildren([
  home,
  experiments,
  create,
  experiment.addChildren([
    overview,
    candidates,
    candidate,
    coefficients,
    dynamics,
    generalisation,
    workers,
    lineage,
    log,
    configuration,
  ]),
  compare,
  models,
  tasks,
  methods,
  method,
  settings,
]);

export const router = createRouter({
  routeTree: routes,
  // An exported page is one file: its addresses are behind the #.
  history: snapshot === null ? createBrowserHistory() : createHashHistory(),
  basepath: ROOT || "/",
  defaultPreload: "intent",
  defaultPendingComponent: () => <Loading what="the screen" />,
  defaultErrorComponent: ({ error, reset }) => (
    <ErrorNotice error={error instanceof Error ? error : new Error(String(error))} retry={reset} />
  ),
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
