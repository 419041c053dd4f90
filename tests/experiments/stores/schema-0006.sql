BEGIN TRANSACTION;
CREATE TABLE artifacts (
	id VARCHAR(32) NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	path TEXT NOT NULL, 
	files JSON NOT NULL, 
	error TEXT, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT fk_artifacts_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "artifacts" VALUES('321777711f0216392a70d46c86715422','p4qixsyi',3,'pending','/artifacts/321777711f0216392a70d46c86715422','{}',NULL,'2026-11-01 02:01:42.840489',NULL);
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	label TEXT NOT NULL, 
	vector JSON, 
	recipe JSON NOT NULL, 
	recipe_digest VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	fitness DOUBLE, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_candidates PRIMARY KEY (id), 
	CONSTRAINT fk_candidates_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_candidates_experiment_id_number UNIQUE (experiment_id, number)
);
INSERT INTO "candidates" VALUES(1,'p4qixsyi',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 02:01:42.771848');
INSERT INTO "candidates" VALUES(2,'p4qixsyi',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 02:01:42.794813');
INSERT INTO "candidates" VALUES(3,'p4qixsyi',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 02:01:42.808121');
INSERT INTO "candidates" VALUES(4,'p4qixsyi',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 02:01:42.815410');
INSERT INTO "candidates" VALUES(5,'p4qixsyi',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','scored',NULL,0.5,'2026-11-01 02:01:42.831099');
INSERT INTO "candidates" VALUES(6,'ugpntdqd',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 02:01:42.871638');
INSERT INTO "candidates" VALUES(7,'ugpntdqd',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 02:01:42.881470');
INSERT INTO "candidates" VALUES(8,'ugpntdqd',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 02:01:42.890743');
INSERT INTO "candidates" VALUES(9,'ugpntdqd',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 02:01:42.894903');
INSERT INTO "candidates" VALUES(10,'d7s6rw3c',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 02:01:42.923943');
INSERT INTO "candidates" VALUES(11,'d7s6rw3c',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 02:01:42.934643');
INSERT INTO "candidates" VALUES(12,'d7s6rw3c',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 02:01:42.945286');
INSERT INTO "candidates" VALUES(13,'d7s6rw3c',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 02:01:42.949112');
INSERT INTO "candidates" VALUES(14,'d7s6rw3c',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','asked',NULL,NULL,'2026-11-01 02:01:42.964881');
CREATE TABLE "evaluations" (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	split VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker TEXT, 
	started_at DATETIME, 
	finished_at DATETIME, 
	timings_s JSON NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	generated_tokens BIGINT NOT NULL, 
	fitness DOUBLE, 
	summary JSON NOT NULL, 
	reason TEXT, 
	block INTEGER DEFAULT '-1' NOT NULL, 
	num_items INTEGER DEFAULT '0' NOT NULL, 
	items_digest VARCHAR(16), provenance VARCHAR(16), weights VARCHAR(16), copied_from BIGINT, 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	CONSTRAINT uq_evaluations_candidate_id_split_block UNIQUE (candidate_id, split, block)
);
INSERT INTO "evaluations" VALUES(1,1,'search','done',1,'worker-1','2026-11-01 02:01:42.780273','2026-11-01 02:01:42.784186','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(2,1,'search','done',1,'worker-1','2026-11-01 02:01:42.789238','2026-11-01 02:01:42.791942','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(3,2,'search','done',1,'worker-1','2026-11-01 02:01:42.797473','2026-11-01 02:01:42.799754','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(4,2,'search','done',1,'worker-1','2026-11-01 02:01:42.803149','2026-11-01 02:01:42.805679','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(5,3,'search','infeasible',0,NULL,NULL,'2026-11-01 02:01:42.812411','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(6,4,'search','lost',1,'worker-0','2026-11-01 02:01:42.818171','2026-11-01 02:01:42.820213','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(7,4,'search','done',1,'worker-1','2026-11-01 02:01:42.823242','2026-11-01 02:01:42.825318','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(8,4,'search','done',1,'worker-1','2026-11-01 02:01:42.827208','2026-11-01 02:01:42.829424','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(9,5,'search','done',1,'worker-1','2026-11-01 02:01:42.833019','2026-11-01 02:01:42.834883','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.2857142857142857, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(10,5,'search','done',1,'worker-1','2026-11-01 02:01:42.837066','2026-11-01 02:01:42.838965','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(11,4,'selection','done',1,'worker-1','2026-11-01 02:01:42.845582','2026-11-01 02:01:42.847539','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,-1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(12,4,'test','done',1,'worker-1','2026-11-01 02:01:42.850784','2026-11-01 02:01:42.852396','{"apply": 0.25, "score": 1.5}',30,3,2.38095238095238054265e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "stderr": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,-1,3,'dfa461907d63d269',NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(13,6,'search','done',1,'worker-1','2026-11-01 02:01:42.873628','2026-11-01 02:01:42.875805','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(14,6,'search','done',1,'worker-1','2026-11-01 02:01:42.877943','2026-11-01 02:01:42.879733','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(15,7,'search','done',1,'worker-1','2026-11-01 02:01:42.883516','2026-11-01 02:01:42.885551','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(16,7,'search','done',1,'worker-1','2026-11-01 02:01:42.887321','2026-11-01 02:01:42.889099','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(17,8,'search','infeasible',0,NULL,NULL,'2026-11-01 02:01:42.893054','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(18,9,'search','lost',1,'worker-0','2026-11-01 02:01:42.896995','2026-11-01 02:01:42.898879','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(19,9,'search','done',1,'worker-1','2026-11-01 02:01:42.900439','2026-11-01 02:01:42.903327','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(20,9,'search','done',1,'worker-1','2026-11-01 02:01:42.907828','2026-11-01 02:01:42.911316','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(21,10,'search','done',1,'worker-1','2026-11-01 02:01:42.926494','2026-11-01 02:01:42.928449','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(22,10,'search','done',1,'worker-1','2026-11-01 02:01:42.930580','2026-11-01 02:01:42.932754','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,'feedbeef','0badcafe',NULL);
INSERT INTO "evaluations" VALUES(23,11,'search','done',1,'worker-1','2026-11-01 02:01:42.937325','2026-11-01 02:01:42.939263','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(24,11,'search','done',1,'worker-1','2026-11-01 02:01:42.941459','2026-11-01 02:01:42.943374','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(25,12,'search','infeasible',0,NULL,NULL,'2026-11-01 02:01:42.947369','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(26,13,'search','lost',1,'worker-0','2026-11-01 02:01:42.951281','2026-11-01 02:01:42.953240','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(27,13,'search','done',1,'worker-1','2026-11-01 02:01:42.954995','2026-11-01 02:01:42.956936','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "stderr": null, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "stderr": null, "reference_logprob": -1.5}}',NULL,0,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(28,13,'search','done',1,'worker-1','2026-11-01 02:01:42.959364','2026-11-01 02:01:42.962780','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "stderr": null, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "stderr": null, "reference_logprob": -1.5}}',NULL,1,2,NULL,NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(29,14,'search','running',1,'worker-1','2026-11-01 02:01:42.967185',NULL,'{}',0,0,NULL,'{}',NULL,-1,0,NULL,NULL,NULL,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	payload JSON NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_events_experiment_id_seq UNIQUE (experiment_id, seq)
);
INSERT INTO "events" VALUES(1,'p4qixsyi',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 02:01:42.758558');
INSERT INTO "events" VALUES(2,'p4qixsyi',2,'state','{"from": "created", "to": "running", "driver": "node-1:13559", "error": null}','2026-11-01 02:01:42.763019');
INSERT INTO "events" VALUES(3,'p4qixsyi',3,'ask','{"candidate_id": 1, "number": 0, "kind": "baseline", "block": null}','2026-11-01 02:01:42.771848');
INSERT INTO "events" VALUES(4,'p4qixsyi',4,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.780273');
INSERT INTO "events" VALUES(5,'p4qixsyi',5,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 02:01:42.784186');
INSERT INTO "events" VALUES(6,'p4qixsyi',6,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.789238');
INSERT INTO "events" VALUES(7,'p4qixsyi',7,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 02:01:42.791942');
INSERT INTO "events" VALUES(8,'p4qixsyi',8,'ask','{"candidate_id": 2, "number": 1, "kind": "baseline", "block": null}','2026-11-01 02:01:42.794813');
INSERT INTO "events" VALUES(9,'p4qixsyi',9,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.797473');
INSERT INTO "events" VALUES(10,'p4qixsyi',10,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 02:01:42.799754');
INSERT INTO "events" VALUES(11,'p4qixsyi',11,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.803149');
INSERT INTO "events" VALUES(12,'p4qixsyi',12,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 02:01:42.805679');
INSERT INTO "events" VALUES(13,'p4qixsyi',13,'ask','{"candidate_id": 3, "number": 2, "kind": "search", "block": null}','2026-11-01 02:01:42.808121');
INSERT INTO "events" VALUES(14,'p4qixsyi',14,'infeasible','{"candidate_id": 3, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 02:01:42.812411');
INSERT INTO "events" VALUES(15,'p4qixsyi',15,'ask','{"candidate_id": 4, "number": 3, "kind": "search", "block": null}','2026-11-01 02:01:42.815410');
INSERT INTO "events" VALUES(16,'p4qixsyi',16,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 02:01:42.818171');
INSERT INTO "events" VALUES(17,'p4qixsyi',17,'lost','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 02:01:42.820213');
INSERT INTO "events" VALUES(18,'p4qixsyi',18,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.823242');
INSERT INTO "events" VALUES(19,'p4qixsyi',19,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 02:01:42.825318');
INSERT INTO "events" VALUES(20,'p4qixsyi',20,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.827208');
INSERT INTO "events" VALUES(21,'p4qixsyi',21,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 02:01:42.829424');
INSERT INTO "events" VALUES(22,'p4qixsyi',22,'ask','{"candidate_id": 5, "number": 4, "kind": "search", "block": null}','2026-11-01 02:01:42.831099');
INSERT INTO "events" VALUES(23,'p4qixsyi',23,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.833019');
INSERT INTO "events" VALUES(24,'p4qixsyi',24,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "fitness": 0.5714285714285714}','2026-11-01 02:01:42.834883');
INSERT INTO "events" VALUES(25,'p4qixsyi',25,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.837066');
INSERT INTO "events" VALUES(26,'p4qixsyi',26,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "fitness": 0.4285714285714286}','2026-11-01 02:01:42.838965');
INSERT INTO "events" VALUES(27,'p4qixsyi',27,'export','{"artifact": "321777711f0216392a70d46c86715422", "number": 3, "state": "pending", "error": null, "by": "ann"}','2026-11-01 02:01:42.840489');
INSERT INTO "events" VALUES(28,'p4qixsyi',28,'start','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.845582');
INSERT INTO "events" VALUES(29,'p4qixsyi',29,'measure','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "fitness": 0.3571428571428571}','2026-11-01 02:01:42.847539');
INSERT INTO "events" VALUES(30,'p4qixsyi',30,'start','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.850784');
INSERT INTO "events" VALUES(31,'p4qixsyi',31,'measure','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "fitness": 0.23809523809523805}','2026-11-01 02:01:42.852396');
INSERT INTO "events" VALUES(32,'p4qixsyi',32,'decision','{"decision": "winner", "data": {"number": 3, "reason": "better than the center"}}','2026-11-01 02:01:42.854666');
INSERT INTO "events" VALUES(33,'p4qixsyi',33,'state','{"from": "running", "to": "finished", "driver": "node-1:13559", "error": null}','2026-11-01 02:01:42.862504');
INSERT INTO "events" VALUES(34,'ugpntdqd',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 02:01:42.867163');
INSERT INTO "events" VALUES(35,'ugpntdqd',2,'state','{"from": "created", "to": "running", "driver": "node-1:13559", "error": null}','2026-11-01 02:01:42.868301');
INSERT INTO "events" VALUES(36,'ugpntdqd',3,'ask','{"candidate_id": 6, "number": 0, "kind": "baseline", "block": null}','2026-11-01 02:01:42.871638');
INSERT INTO "events" VALUES(37,'ugpntdqd',4,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.873628');
INSERT INTO "events" VALUES(38,'ugpntdqd',5,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 02:01:42.875805');
INSERT INTO "events" VALUES(39,'ugpntdqd',6,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.877943');
INSERT INTO "events" VALUES(40,'ugpntdqd',7,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 02:01:42.879733');
INSERT INTO "events" VALUES(41,'ugpntdqd',8,'ask','{"candidate_id": 7, "number": 1, "kind": "baseline", "block": null}','2026-11-01 02:01:42.881470');
INSERT INTO "events" VALUES(42,'ugpntdqd',9,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.883516');
INSERT INTO "events" VALUES(43,'ugpntdqd',10,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 02:01:42.885551');
INSERT INTO "events" VALUES(44,'ugpntdqd',11,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.887321');
INSERT INTO "events" VALUES(45,'ugpntdqd',12,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 02:01:42.889099');
INSERT INTO "events" VALUES(46,'ugpntdqd',13,'ask','{"candidate_id": 8, "number": 2, "kind": "search", "block": null}','2026-11-01 02:01:42.890743');
INSERT INTO "events" VALUES(47,'ugpntdqd',14,'infeasible','{"candidate_id": 8, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 02:01:42.893054');
INSERT INTO "events" VALUES(48,'ugpntdqd',15,'ask','{"candidate_id": 9, "number": 3, "kind": "search", "block": null}','2026-11-01 02:01:42.894903');
INSERT INTO "events" VALUES(49,'ugpntdqd',16,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 02:01:42.896995');
INSERT INTO "events" VALUES(50,'ugpntdqd',17,'lost','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 02:01:42.898879');
INSERT INTO "events" VALUES(51,'ugpntdqd',18,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.900439');
INSERT INTO "events" VALUES(52,'ugpntdqd',19,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 02:01:42.903327');
INSERT INTO "events" VALUES(53,'ugpntdqd',20,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.907828');
INSERT INTO "events" VALUES(54,'ugpntdqd',21,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 02:01:42.911316');
INSERT INTO "events" VALUES(55,'ugpntdqd',22,'state','{"from": "running", "to": "interrupted", "driver": "node-1:13559", "error": null}','2026-11-01 02:01:42.916024');
INSERT INTO "events" VALUES(56,'d7s6rw3c',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 02:01:42.919122');
INSERT INTO "events" VALUES(57,'d7s6rw3c',2,'state','{"from": "created", "to": "running", "driver": "node-1:13559", "error": null}','2026-11-01 02:01:42.920369');
INSERT INTO "events" VALUES(58,'d7s6rw3c',3,'ask','{"candidate_id": 10, "number": 0, "kind": "baseline", "block": null}','2026-11-01 02:01:42.923943');
INSERT INTO "events" VALUES(59,'d7s6rw3c',4,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.926494');
INSERT INTO "events" VALUES(60,'d7s6rw3c',5,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 02:01:42.928449');
INSERT INTO "events" VALUES(61,'d7s6rw3c',6,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.930580');
INSERT INTO "events" VALUES(62,'d7s6rw3c',7,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 02:01:42.932754');
INSERT INTO "events" VALUES(63,'d7s6rw3c',8,'ask','{"candidate_id": 11, "number": 1, "kind": "baseline", "block": null}','2026-11-01 02:01:42.934643');
INSERT INTO "events" VALUES(64,'d7s6rw3c',9,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.937325');
INSERT INTO "events" VALUES(65,'d7s6rw3c',10,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 02:01:42.939263');
INSERT INTO "events" VALUES(66,'d7s6rw3c',11,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.941459');
INSERT INTO "events" VALUES(67,'d7s6rw3c',12,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 02:01:42.943374');
INSERT INTO "events" VALUES(68,'d7s6rw3c',13,'ask','{"candidate_id": 12, "number": 2, "kind": "search", "block": null}','2026-11-01 02:01:42.945286');
INSERT INTO "events" VALUES(69,'d7s6rw3c',14,'infeasible','{"candidate_id": 12, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 02:01:42.947369');
INSERT INTO "events" VALUES(70,'d7s6rw3c',15,'ask','{"candidate_id": 13, "number": 3, "kind": "search", "block": null}','2026-11-01 02:01:42.949112');
INSERT INTO "events" VALUES(71,'d7s6rw3c',16,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 02:01:42.951281');
INSERT INTO "events" VALUES(72,'d7s6rw3c',17,'lost','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 02:01:42.953240');
INSERT INTO "events" VALUES(73,'d7s6rw3c',18,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.954995');
INSERT INTO "events" VALUES(74,'d7s6rw3c',19,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 02:01:42.956936');
INSERT INTO "events" VALUES(75,'d7s6rw3c',20,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.959364');
INSERT INTO "events" VALUES(76,'d7s6rw3c',21,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 02:01:42.962780');
INSERT INTO "events" VALUES(77,'d7s6rw3c',22,'ask','{"candidate_id": 14, "number": 4, "kind": "search", "block": null}','2026-11-01 02:01:42.964881');
INSERT INTO "events" VALUES(78,'d7s6rw3c',23,'start','{"candidate_id": 14, "number": 4, "split": "search", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 02:01:42.967185');
CREATE TABLE evomerge_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT evomerge_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "evomerge_schema_version" VALUES('0006');
CREATE TABLE experiments (
	id VARCHAR(8) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	spec JSON NOT NULL, 
	source_dir TEXT NOT NULL, 
	resolved JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	seconds_spent DOUBLE NOT NULL, 
	error TEXT, 
	driver JSON, owner VARCHAR(64) DEFAULT '' NOT NULL, priority INTEGER DEFAULT '0' NOT NULL, wanted VARCHAR(16), revision INTEGER DEFAULT '1' NOT NULL, budget JSON, workers INTEGER, launch JSON, control_seq INTEGER DEFAULT '0' NOT NULL, last_seq INTEGER DEFAULT '0' NOT NULL, num_candidates INTEGER DEFAULT '0' NOT NULL, num_scored INTEGER DEFAULT '0' NOT NULL, num_infeasible INTEGER DEFAULT '0' NOT NULL, num_running INTEGER DEFAULT '0' NOT NULL, num_done INTEGER DEFAULT '0' NOT NULL, num_lost INTEGER DEFAULT '0' NOT NULL, num_search_items BIGINT DEFAULT '0' NOT NULL, prompt_tokens BIGINT DEFAULT '0' NOT NULL, generated_tokens BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_experiments PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('p4qixsyi','finished','finished','{"name": "finished", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 02:01:42.752766','2026-11-01 02:01:42.862504',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,33,5,4,1,0,10,1,16,210,21);
INSERT INTO "experiments" VALUES('ugpntdqd','interrupted','interrupted','{"name": "interrupted", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 02:01:42.866068','2026-11-01 02:01:42.916024',12.5,NULL,NULL,'',0,NULL,3,NULL,NULL,NULL,0,22,4,3,1,0,6,1,12,120,12);
INSERT INTO "experiments" VALUES('d7s6rw3c','killed','running','{"name": "killed", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 02:01:42.918118','2026-11-01 02:01:42.968956',12.5,NULL,'{"host": "node-1", "pid": 13559, "process_started": 1795744901.3, "heartbeat": "2026-11-01T02:01:42.969154+00:00", "token": "f77dad6340ea2357ad5f74dfcca7fd7b"}','',0,NULL,2,NULL,NULL,NULL,0,23,5,3,1,1,6,1,12,120,12);
CREATE TABLE item_scores (
	evaluation_id INTEGER NOT NULL, 
	task VARCHAR(255) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	score DOUBLE NOT NULL, 
	reference_logprob DOUBLE, 
	output TEXT, 
	CONSTRAINT pk_item_scores PRIMARY KEY (evaluation_id, task, item), 
	CONSTRAINT fk_item_scores_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id)
);
INSERT INTO "item_scores" VALUES(1,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(1,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(3,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(3,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(7,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(7,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'choice','0000000000000000',8.57142857142857095276e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(9,'words','0000000000000001',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'choice','0000000000000002',7.14285714285714301574e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'words','0000000000000003',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'choice','1000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(11,'words','1000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(12,'words','2000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(13,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(15,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(19,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(19,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(21,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(21,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(23,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(23,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(27,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(27,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
CREATE TABLE item_texts (
	source VARCHAR(16) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	prompt TEXT, 
	reference TEXT, 
	choices JSON, 
	truncated BOOLEAN NOT NULL, 
	CONSTRAINT pk_item_texts PRIMARY KEY (source, item)
);
INSERT INTO "item_texts" VALUES('c0ffee','0000000000000000','naïve ✓?','yes','["yes", "no"]',0);
INSERT INTO "item_texts" VALUES('c0ffee','0000000000000001','long',NULL,NULL,1);
CREATE TABLE provenances (
	digest VARCHAR(16) NOT NULL, 
	data JSON NOT NULL, 
	CONSTRAINT pk_provenances PRIMARY KEY (digest)
);
INSERT INTO "provenances" VALUES('feedbeef','{"dtype": "bfloat16"}');
CREATE TABLE requests (
	owner VARCHAR(64) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	resource TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY (owner, "key")
);
CREATE TABLE search_traces (
	experiment_id VARCHAR(8) NOT NULL, 
	updates INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	items BIGINT NOT NULL, 
	state JSON NOT NULL, 
	CONSTRAINT pk_search_traces PRIMARY KEY (experiment_id, updates), 
	CONSTRAINT fk_search_traces_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id)
);
INSERT INTO "search_traces" VALUES('p4qixsyi',1,0,5,16,'{"sigma": 0.75, "eigenvalues": [1.5, 1.0]}');
CREATE TABLE tokens (
	id VARCHAR(8) NOT NULL, 
	name TEXT NOT NULL, 
	owner VARCHAR(64) NOT NULL, 
	scope VARCHAR(16) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	revoked_at DATETIME, 
	last_used_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_digest UNIQUE (digest)
);
CREATE INDEX ix_experiments_created_at_id ON experiments (created_at, id);
CREATE INDEX ix_experiments_name ON experiments (name);
CREATE INDEX ix_candidates_experiment_id_recipe_digest ON candidates (experiment_id, recipe_digest);
CREATE INDEX ix_candidates_experiment_id_state_fitness ON candidates (experiment_id, state, fitness);
CREATE INDEX ix_evaluations_items_digest ON evaluations (items_digest);
CREATE INDEX ix_experiments_state_created_at ON experiments (state, created_at);
CREATE INDEX ix_experiments_owner_state ON experiments (owner, state);
CREATE INDEX ix_events_experiment_id_kind_seq ON events (experiment_id, kind, seq);
CREATE INDEX ix_requests_at ON requests (at);
CREATE INDEX ix_artifacts_experiment_id_created_at ON artifacts (experiment_id, created_at);
CREATE INDEX ix_artifacts_state ON artifacts (state);
CREATE INDEX ix_candidates_overview ON candidates (experiment_id, number, kind, state, fitness, created_at, id);
CREATE INDEX ix_evaluations_weights_split ON evaluations (weights, split);
COMMIT;
