import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense } from "react";
import { Problem } from "@/api/problem";
import { sessionQuery } from "@/api/queries";
import { snapshot } from "@/api/snapshot";
import { ErrorNotice, Loading } from "@/parts/states";

const LoginScreen = lazy(() => import("./LoginScreen"));

/** Shows its children to who is logged in, and the login to everybody else. */
export function SessionGate({ children }: { children: ReactNode }) {
  const session = useQuery({ ...sessionQuery, enabled: snapshot === null });
  if (snapshot !== null || session.data) return children;
  if (session.isPending) return <Loading what="your session" />;
  if (session.data === null || (session.error instanceof Problem && session.error.status === 401))
    return (
      <Suspense fallback={<Loading what="the login" />}>
        <LoginScreen />
      </Suspense>
    );
  return <ErrorNotice error={session.error} retry={() => session.refetch()} />;
}
