import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { api, body } from "@/api/client";
import icon from "@/look/icon.svg";
import { Button } from "@/parts/Button";
import { ErrorNotice } from "@/parts/states";
import styles from "./LoginScreen.module.css";

export default function LoginScreen() {
  const [token, setToken] = useState("");
  const field = useId();
  const client = useQueryClient();
  const login = useMutation({
    mutationFn: (secret: string) => body(api.POST("/api/v1/session", { body: { token: secret.trim() } })),
    onSuccess: (identity) => client.setQueryData(["session"], identity),
  });
  const { mutate } = login;
  useEffect(() => {
    const given = takeToken();
    if (given !== null) mutate(given);
  }, [mutate]);
  return (
    <main className={styles.page}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          login.mutate(token);
        }}
      >
        <h1>
          <img src={icon} alt="" /> evomerge
        </h1>
        <label htmlFor={field}>Access token</label>
        <input
          id={field}
          type="password"
          autoComplete="current-password"
          value={token}
          onChange={(event) => setToken(event.target.value)}
          required
        />
        <p>
          The server printed an administrator's token when it was first started.{" "}
          <code>evomerge token create</code> makes others.
        </p>
        {login.error ? <ErrorNotice error={login.error} /> : null}
        <Button type="submit" look="primary" disabled={login.isPending}>
          {login.isPending ? "Logging in…" : "Log in"}
        </Button>
      </form>
    </main>
  );
}

/** Takes the token out of an address such as /#token=evm_…, which no browser sends to anybody, and out of the history. */
function takeToken(): string | null {
  const given = new URLSearchParams(window.location.hash.slice(1)).get("token");
  if (given !== null)
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
  return given;
}
