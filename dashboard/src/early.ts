/** Runs first: what the page shows is on its way while React and the router are evaluated. */
import { queryClient } from "./api/cache";
import { prefetchExperiment, prefetchOverview } from "./api/prefetch";
import { sessionQuery } from "./api/queries";
import { snapshot } from "./api/snapshot";
import { ROOT } from "./root";

// An address with a token waits: nothing is answered before the login has seen it.
if (snapshot === null && window.location.hash === "") {
  void queryClient.prefetchQuery(sessionQuery);
  const [, screen, id, tab] = window.location.pathname.slice(ROOT.length).split("/");
  if (screen === "experiments" && id && id !== "new") {
    prefetchExperiment(id);
    if (!tab) prefetchOverview(id);
  }
}
