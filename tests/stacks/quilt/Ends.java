// SPDX-License-Identifier: Apache-2.0
//
// Ends send URL WORKLOAD JOURNAL GO CONCURRENCY [CA] | receive PORT JOURNAL
//
// Two ends of a pair made of Quilt: its link (OkHttp) going out, with the certificate in CA trusted for
// TLS; its codec behind the JDK's own HTTP server coming in. Each packet that crosses the library's
// interface gets a line in the journal; common/answer.js says how packets are answered.

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import okhttp3.HttpUrl;
import okhttp3.OkHttpClient;
import org.interledger.codecs.ilp.InterledgerCodecContextFactory;
import org.interledger.core.InterledgerAddress;
import org.interledger.core.InterledgerErrorCode;
import org.interledger.core.InterledgerFulfillPacket;
import org.interledger.core.InterledgerFulfillment;
import org.interledger.core.InterledgerPacket;
import org.interledger.core.InterledgerPreparePacket;
import org.interledger.core.InterledgerRejectPacket;
import org.interledger.encoding.asn.framework.CodecContext;
import org.interledger.link.LinkId;
import org.interledger.link.http.IlpOverHttpLink;
import org.interledger.link.http.auth.SimpleBearerTokenSupplier;

public class Ends {
  private static final CodecContext OER = InterledgerCodecContextFactory.oer();
  private static final InterledgerAddress BOB = InterledgerAddress.of("test.bob");
  private static final int PREIMAGE = 32;
  private static final int CODE = 3;

  private static PrintStream journal;

  public static void main(String[] args) throws Exception {
    if (args[0].equals("send")) {
      journal = new PrintStream(args[3]);
      send(args);
    } else {
      journal = new PrintStream(args[2]);
      receive(Integer.parseInt(args[1]));
    }
  }

  private static synchronized void note(String way, InterledgerPreparePacket prepare, String outcome) {
    journal.printf("%s %s %s %s%n", way, prepare.getDestination().getValue(), prepare.getAmount(), outcome);
    journal.flush();
  }

  // --- going out ---

  private static void send(String[] args) throws Exception {
    OkHttpClient.Builder client = new OkHttpClient.Builder().readTimeout(11, TimeUnit.MINUTES);
    if (args.length > 6) {
      trust(client, args[6]);
    }
    IlpOverHttpLink link = new IlpOverHttpLink(() -> InterledgerAddress.of("test.alice"), HttpUrl.get(args[1]),
        client.build(), new ObjectMapper(), OER, new SimpleBearerTokenSupplier("secret-of-alice"));
    link.setLinkId(LinkId.of("bob"));
    ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>(Files.readAllLines(Paths.get(args[2])));
    Path go = Paths.get(args[4]);
    while (!Files.exists(go)) {
      Thread.sleep(20);
    }
    int concurrency = Integer.parseInt(args[5]);
    ExecutorService workers = Executors.newFixedThreadPool(concurrency);
    for (int i = 0; i < concurrency; i++) {
      workers.submit(() -> {
        for (String line = lines.poll(); line != null; line = lines.poll()) {
          sendOne(link, line);
        }
      });
    }
    workers.shutdown();
    workers.awaitTermination(10, TimeUnit.MINUTES);
    System.exit(0);
  }

  private static void sendOne(IlpOverHttpLink link, String line) {
    try {
      byte[] bytes = Base64.getDecoder().decode(line.split(" ")[2]);
      InterledgerPreparePacket prepare = OER.read(InterledgerPreparePacket.class, new ByteArrayInputStream(bytes));
      note("sent", prepare, link.sendPacket(prepare)
          .map(fulfill -> "fulfilled", reject -> "rejected:" + reject.getCode().getCode()));
    } catch (Exception e) {
      e.printStackTrace();
    }
  }

  private static void trust(OkHttpClient.Builder client, String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream in = Files.newInputStream(Paths.get(file))) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    managers.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, managers.getTrustManagers(), null);
    client.sslSocketFactory(context.getSocketFactory(), (X509TrustManager) managers.getTrustManagers()[0]);
  }

  // --- coming in ---

  private static void receive(int port) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/", exchange -> {
      try {
        answer(exchange);
      } catch (Exception e) {
        e.printStackTrace();
      }
    });
    server.start();
    System.out.println("ready");
  }

  private static void answer(HttpExchange exchange) throws Exception {
    InterledgerPreparePacket prepare = OER.read(InterledgerPreparePacket.class, exchange.getRequestBody());
    byte[] data = prepare.getData();
    String code = new String(data, PREIMAGE, CODE, StandardCharsets.ISO_8859_1);
    byte[] rest = Arrays.copyOfRange(data, PREIMAGE + CODE, data.length);
    InterledgerPacket reply;
    if (code.equals("   ")) {
      reply = InterledgerFulfillPacket.builder()
          .fulfillment(InterledgerFulfillment.of(Arrays.copyOf(data, PREIMAGE))).data(rest).build();
      note("received", prepare, "fulfilled");
    } else {
      reply = InterledgerRejectPacket.builder().code(InterledgerErrorCode.valueOf(code)).triggeredBy(BOB)
          .message("as asked").data(rest).build();
      note("received", prepare, "rejected:" + code);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    OER.write(reply, bytes);
    exchange.getResponseHeaders().set("Content-Type", "application/octet-stream");
    exchange.sendResponseHeaders(200, bytes.size());
    exchange.getResponseBody().write(bytes.toByteArray());
    exchange.close();
  }
}
