import { cookies, headers } from "next/headers";
import config from "../next.config.mjs";

export default async function Home() {
  const name = (await cookies()).get("name")?.value ?? "stranger";
  const received = await headers();
  return (
    <>
      <h1>{`Hello, ${name}!`}</h1>
      <form method="post" action={`${config.basePath}/greet`}>
        <label>Your name: <input name="name" required /></label> <button>Send</button>
      </form>
      <dl>
        <dt>address</dt>
        <dd>{`${received.get("x-forwarded-proto")}://${received.get("host")}${config.basePath}/`}</dd>
        <dt>client</dt>
        <dd>{received.get("x-forwarded-for")}</dd>
        <dt>prefix</dt>
        <dd>{config.basePath}</dd>
      </dl>
    </>
  );
}
