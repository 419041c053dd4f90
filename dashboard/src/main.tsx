import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { queryClient } from "./api/cache";
import { sessionQuery } from "./api/queries";
import { snapshot } from "./api/snapshot";
import "./look/base.css";
import { applyTheme } from "./look/theme";
import { router } from "./router";

applyTheme();
// The session, the screen's code and its first data are asked for at once, not one after the other. An address with a
// token waits: the login must see it before the router changes the address.
if (snapshot === null && window.location.hash === "") {
  void queryClient.prefetchQuery(sessionQuery);
  void router.load();
}
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
