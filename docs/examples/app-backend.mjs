// SPDX-License-Identifier: Apache-2.0
// An app's backend that sells a ticket on the company's account: reserve, issue the ticket, commit; and cancel when the
// ticket can't be issued. Node 18 or later, nothing to install:
//
//   WALLET=https://127.0.0.1:7444 CERTIFICATE=backend.pem KEY=backend.key AUTHORITY=authority.pem \
//   TOKEN=eyJ… TRAVELLER=5f0c2a3e-8d1b-4c67-9e42-1a7b3c5d9e01 node app-backend.mjs
//
// ISSUING_FAILS=1 shows the other way.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import https from "node:https";
import { setTimeout as pause } from "node:timers/promises";

const { WALLET, CERTIFICATE, KEY, AUTHORITY, TOKEN, TRAVELLER, ISSUING_FAILS } = process.env;

const agent = new https.Agent({
  keepAlive: true,
  minVersion: "TLSv1.3",
  cert: readFileSync(CERTIFICATE),
  key: readFileSync(KEY),
  ca: readFileSync(AUTHORITY),
});

function once(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { "X-BoB-AuthToken": TOKEN, "Content-Type": "application/json" };
    const request = https.request(new URL(path, WALLET), { agent, method, headers, timeout: 10_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => (text += part));
      response.on("end", () =>
        resolve({
          status: response.statusCode,
          location: response.headers.location,
          body: text ? JSON.parse(text) : undefined,
        }),
      );
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", reject);
    request.end(body && JSON.stringify(body));
  });
}

// No answer, or 503: it is not known whether it was done. The same is asked again; by its reference it is done once.
async function call(method, path, body) {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await once(method, path, body);
      if (answer.status !== 503) return answer;
    } catch (error) {
      if (attempt === 10) throw error;
    }
    await pause(200 * attempt);
  }
}

async function expected(answer, ...statuses) {
  if (statuses.includes(answer.status)) return answer;
  const { title, detail, field } = answer.body ?? {};
  throw new Error(`${answer.status} ${title}${field ? ` (${field})` : ""}: ${detail}`);
}

async function issueTicket() {
  if (ISSUING_FAILS === "1") throw new Error("the ticket system is down");
  return { ticketId: randomUUID() };
}

async function sell(amount, description) {
  const wallet = `/api/v3/traveller/${TRAVELLER}/wallet`;
  const { paymentMeans } = (await expected(await call("GET", wallet), 200)).body;
  const invoice = paymentMeans.find((means) => means.type === "invoice");
  if (!invoice) throw new Error("this traveller can't pay by company invoice now");
  console.log(`${invoice.name}: ${invoice.balance} ${invoice.currency} left`);

  // The reference is made and kept before the first try, so that a retry after a crash has the same.
  const transactionReference = randomUUID();
  const reserved = await expected(
    await call("POST", `${wallet}/transaction`, {
      transactionReference,
      amount,
      currency: invoice.currency,
      description,
      paymentMeansId: invoice.id,
      transactionCommit: false,
    }),
    201,
    303,
  );
  try {
    const { ticketId } = await issueTicket();
    const paid = await expected(
      await call("PATCH", reserved.location, { status: "commited", transactionReference }),
      201,
    );
    console.log(`ticket ${ticketId} is paid: ${paid.body.status}`); // only now it is handed out
  } catch (error) {
    const freed = await call("PATCH", reserved.location, { status: "cancelled", transactionReference });
    console.log(`${error.message}; the reservation is ${freed.body.status}`);
  }
}

await sell(130, "Enkelbiljett");
agent.destroy();
